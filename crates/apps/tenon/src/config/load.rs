//! Reads the settings: defaults, then the file, then the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::rules;
use super::{ConfigError, SettingProblem, Settings};

/// The file that is read from the working directory when no other is named.
const USUAL_FILE: &str = "tenon.toml";
/// `TENON_` and a name with `__` in it: `TENON_SERVER__LISTEN` is `server.listen`. Variables
/// without `__`, such as `TENON_API_KEY`, are options of commands.
const PREFIX: &str = "TENON_";
/// Short names of settings that are given by hand now and then.
const ALIASES: [(&str, &str); 1] = [("TENON_POSTGRES_BIN", "TENON_POSTGRES__BIN_DIR")];

/// Where settings may be written.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file of `--config`; it must exist. Else `tenon.toml`, if there is one.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

impl Sources {
    /// The environment of this process and the file of `--config`.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let variables = std::env::vars_os();
        let text = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self { file, environment: text.collect() }
    }
}

/// Reads and checks all settings.
///
/// # Errors
///
/// [`ConfigError`] names every wrong setting and where it was written.
pub fn load(sources: &Sources) -> Result<Settings, ConfigError> {
    let defaults = Value::serialize(Settings::default()).expect("the defaults serialize");
    let file = FileLayer::read(sources.file.as_deref())?;
    let environment = EnvironmentLayer::collect(&sources.environment, &defaults);
    let layers = Layers { file, environment };
    layers.refuse(layers.unknown(&defaults))?;
    let figment = Figment::from(Serialized::defaults(Settings::default()))
        .merge(DictLayer(layers.file.dict.clone()))
        .merge(DictLayer(layers.environment.dict.clone()));
    let settings: Settings =
        figment.extract().map_err(|errors| ConfigError::Settings(layers.explain(errors)))?;
    layers.refuse(layers.broken(&settings))?;
    Ok(settings)
}

struct Layers {
    file: FileLayer,
    environment: EnvironmentLayer,
}

impl Layers {
    fn refuse(&self, problems: Vec<SettingProblem>) -> Result<(), ConfigError> {
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::Settings(problems)) }
    }

    /// Where the value of a setting comes from.
    fn origin(&self, setting: &str) -> String {
        // `egress.allowed_networks.0` is written where its list is.
        let setting = match setting.rsplit_once('.') {
            Some((list, item)) if item.parse::<usize>().is_ok() => list,
            _ => setting,
        };
        if let Some(variable) = self.environment.variables.get(setting) {
            return format!("the environment variable {variable}");
        }
        let is_in_file = Value::from(self.file.dict.clone()).find(setting).is_some();
        if is_in_file { self.file.name() } else { "the defaults".to_owned() }
    }

    fn unknown(&self, defaults: &Value) -> Vec<SettingProblem> {
        let in_file = unknown_names(&self.file.dict, defaults);
        let in_environment = unknown_names(&self.environment.dict, defaults);
        let names = in_file.into_iter().chain(in_environment);
        let known = leaves(defaults);
        names
            .map(|setting| SettingProblem {
                origin: self.origin(&setting),
                message: "there is no such setting".to_owned(),
                help: closest(&setting, &known).map(|name| format!("did you mean `{name}`?")),
                setting,
            })
            .collect()
    }

    fn explain(&self, errors: Error) -> Vec<SettingProblem> {
        let explained = errors.into_iter().map(|error| {
            let setting = error.path.join(".");
            let origin = self.origin(&setting);
            SettingProblem { setting, origin, message: error.kind.to_string(), help: None }
        });
        explained.collect()
    }

    fn broken(&self, settings: &Settings) -> Vec<SettingProblem> {
        let tree = Value::serialize(settings).expect("settings serialize");
        let zeros =
            rules::zeros(&tree).into_iter().map(|setting| (setting, "must not be 0".into()));
        let rules = rules::broken(settings).into_iter();
        let all = zeros.chain(rules.map(|(setting, message)| (setting.to_owned(), message)));
        all.map(|(setting, message)| {
            let origin = self.origin(&setting);
            SettingProblem { setting, origin, message, help: None }
        })
        .collect()
    }
}

#[derive(Default)]
struct FileLayer {
    path: PathBuf,
    dict: Dict,
}

impl FileLayer {
    fn read(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(USUAL_FILE)).to_owned();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, dict: Dict::new() });
            }
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        match Toml::from_str(&text) {
            Ok(dict) => Ok(Self { path, dict }),
            Err(error) => {
                Err(ConfigError::Syntax { path, message: error.to_string().trim().to_owned() })
            }
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

struct EnvironmentLayer {
    dict: Dict,
    /// The full name of a setting and the variable that gives it.
    variables: BTreeMap<String, String>,
}

impl EnvironmentLayer {
    /// An empty variable counts as unset.
    fn collect(environment: &BTreeMap<String, String>, defaults: &Value) -> Self {
        let mut layer = Self { dict: Dict::new(), variables: BTreeMap::new() };
        let given = environment.iter().filter(|(_, value)| !value.is_empty());
        for (variable, text) in given {
            let alias = ALIASES.iter().find(|(short, _)| short == variable);
            let full = alias.map_or(variable.as_str(), |(_, full)| full);
            let Some(name) = full.strip_prefix(PREFIX).filter(|name| name.contains("__")) else {
                continue;
            };
            let path: Vec<String> = name.split("__").map(str::to_lowercase).collect();
            let setting = path.join(".");
            insert(&mut layer.dict, &path, parse(text, defaults.find_ref(&setting)));
            layer.variables.insert(setting, variable.clone());
        }
        layer
    }
}

/// Reads the text of a variable as what the setting is: text stays text, a list is written
/// `a,b` or as in TOML.
fn parse(text: &str, default: Option<&Value>) -> Value {
    match default {
        Some(Value::Array(..)) if !text.trim_start().starts_with('[') => {
            text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>().into()
        }
        Some(Value::String(..)) => text.to_owned().into(),
        // An optional setting: a number where it reads like one, else text with all its quotes.
        Some(Value::Empty(..)) => match (text.parse::<u64>(), decimal(text)) {
            (Ok(number), _) => number.into(),
            (_, Some(number)) => number.into(),
            _ => text.to_owned().into(),
        },
        _ => text.parse().expect("any text is some value"),
    }
}

/// A number such as `2.5`; words that some take for numbers, such as `inf`, are none.
fn decimal(text: &str) -> Option<f64> {
    let (whole, part) = text.split_once('.')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    (is_digits(whole) && is_digits(part)).then(|| text.parse().ok()).flatten()
}

fn insert(dict: &mut Dict, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        dict.insert(first.clone(), value);
        return;
    }
    let entry = dict.entry(first.clone()).or_insert_with(|| Dict::new().into());
    if !matches!(entry, Value::Dict(..)) {
        *entry = Dict::new().into();
    }
    if let Value::Dict(_, inner) = entry {
        insert(inner, rest, value);
    }
}

/// A layer whose values were read already.
struct DictLayer(Dict);

impl Provider for DictLayer {
    fn metadata(&self) -> Metadata {
        Metadata::named("settings")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}

fn unknown_names(dict: &Dict, defaults: &Value) -> Vec<String> {
    let is_known = |name: &String| defaults.find_ref(name).is_some();
    leaves(&Value::from(dict.clone())).into_iter().filter(|name| !is_known(name)).collect()
}

/// The full names of the values in a tree, and of its empty sections.
fn leaves(tree: &Value) -> Vec<String> {
    fn collect(value: &Value, name: &str, found: &mut Vec<String>) {
        match value.as_dict() {
            Some(dict) if !dict.is_empty() => {
                for (key, value) in dict {
                    let full = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    collect(value, &full, found);
                }
            }
            _ if name.is_empty() => {}
            _ => found.push(name.to_owned()),
        }
    }
    let mut found = Vec::new();
    collect(tree, "", &mut found);
    found
}

fn closest<'a>(setting: &str, known: &'a [String]) -> Option<&'a str> {
    let scored = known.iter().map(|name| (strsim::jaro_winkler(setting, name), name));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (best.0 > 0.85).then_some(best.1.as_str())
}
