//! Turns what a function returned into JSON text, and refuses what JSON would lose.
//!
//! `JSON.stringify` drops functions, turns `NaN` into `null` and a `Map` into `{}`, and builds the
//! whole text before its size is known. This walk refuses the first three with the path of the
//! value, and stops at the size limit.

use rquickjs::function::This;
use rquickjs::object::Filter;
use rquickjs::{Array, Ctx, Function, Object, String as JsString, Value};

use super::failure::Stop;
use super::vm::CallState;

/// Deepest nesting of a result. Readers of JSON down the line allow 128.
const DEPTH_MAX: usize = 100;
/// How many values are written between two looks at the clock.
const CLOCK_EVERY: u32 = 1_024;

/// Writes a value as JSON; `undefined` becomes `null`.
pub fn to_json<'js>(
    value: Value<'js>,
    bytes_max: usize,
    state: &CallState,
) -> Result<Vec<u8>, Stop> {
    let builtins = Builtins::of(value.ctx())?;
    let mut walk = Walk {
        out: Vec::with_capacity(256),
        path: Vec::new(),
        bytes_max,
        state,
        builtins,
        seen: 0,
    };
    let written = walk.member(value, "")?;
    if !written {
        walk.out.extend_from_slice(b"null");
    }
    walk.check()?;
    Ok(walk.out)
}

/// What a value is compared with.
struct Builtins<'js> {
    /// The prototype of plain objects, which need no second look.
    plain: Option<Object<'js>>,
    /// Classes whose content JSON cannot see, and classes that wrap a primitive value.
    classes: Vec<(&'static str, Value<'js>)>,
}

impl<'js> Builtins<'js> {
    fn of(ctx: &Ctx<'js>) -> Result<Self, Stop> {
        let globals = ctx.globals();
        let mut classes = Vec::with_capacity(6);
        for name in ["Map", "Set", "Promise", "String", "Number", "Boolean"] {
            let class: Value<'js> = globals.get(name)?;
            // User code may have replaced the global; then there is nothing to compare with.
            if class.is_constructor() {
                classes.push((name, class));
            }
        }
        Ok(Self { plain: Object::new(ctx.clone())?.get_prototype(), classes })
    }
}

enum Step<'js> {
    Index(usize),
    Key(JsString<'js>),
}

struct Walk<'a, 'js> {
    out: Vec<u8>,
    path: Vec<(Step<'js>, Object<'js>)>,
    bytes_max: usize,
    state: &'a CallState,
    builtins: Builtins<'js>,
    seen: u32,
}

impl<'js> Walk<'_, 'js> {
    /// Writes a value; `false` means that there was nothing to write.
    fn member(&mut self, value: Value<'js>, key: &str) -> Result<bool, Stop> {
        self.check()?;
        if let Some(int) = value.as_int() {
            self.out.extend_from_slice(int.to_string().as_bytes());
        } else if let Some(float) = value.as_float() {
            self.float(float)?;
        } else if let Some(text) = value.as_string() {
            self.text(text)?;
        } else if let Some(is_true) = value.as_bool() {
            self.out.extend_from_slice(if is_true { b"true" } else { b"false" });
        } else if value.is_null() {
            self.out.extend_from_slice(b"null");
        } else if value.is_undefined() {
            return Ok(false);
        } else if value.is_function() {
            return Err(self.refuse("is a function"));
        } else if let Some(array) = value.as_array() {
            self.array(array)?;
        } else if let Some(object) = value.as_object() {
            return self.object(object, key);
        } else if value.is_big_int() {
            return Err(self.refuse("is a BigInt; use Number(...) or String(...)"));
        } else {
            return Err(self.refuse(&format!("is a {}", value.type_name())));
        }
        Ok(true)
    }

    fn check(&mut self) -> Result<(), Stop> {
        if self.out.len() > self.bytes_max {
            return Err(Stop::result(format!(
                "the result is larger than {} bytes of JSON",
                self.bytes_max
            )));
        }
        self.seen += 1;
        if self.seen.is_multiple_of(CLOCK_EVERY) && self.state.is_interrupted() {
            return Err(Stop::Failure(self.state.timeout_failure()));
        }
        Ok(())
    }

    fn float(&mut self, float: f64) -> Result<(), Stop> {
        /// Up to it every whole number is exact.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if !float.is_finite() {
            return Err(
                self.refuse(&format!("is {}", if float.is_nan() { "NaN" } else { "Infinity" }))
            );
        }
        if float.fract() == 0.0 && float.abs() <= EXACT {
            self.out.extend_from_slice((float as i64).to_string().as_bytes());
        } else {
            serde_json::to_writer(&mut self.out, &float).expect("a vector takes every write");
        }
        Ok(())
    }

    fn text(&mut self, text: &JsString<'js>) -> Result<(), Stop> {
        let text = match text.to_string() {
            Ok(text) => text,
            // A half of a surrogate pair has no place in UTF-8.
            Err(rquickjs::Error::Utf8(_)) => well_formed(text)?,
            Err(error) => return Err(error.into()),
        };
        serde_json::to_writer(&mut self.out, &text).expect("a vector takes every write");
        Ok(())
    }

    fn array(&mut self, array: &Array<'js>) -> Result<(), Stop> {
        self.out.push(b'[');
        for index in 0..array.len() {
            if index > 0 {
                self.out.push(b',');
            }
            self.enter(Step::Index(index), array.as_object())?;
            let value: Value<'js> = array.get(index)?;
            if !self.member(value, "")? {
                self.out.extend_from_slice(b"null");
            }
            self.path.pop();
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, object: &Object<'js>, key: &str) -> Result<bool, Stop> {
        if let Ok(to_json) = object.get::<_, Value<'js>>("toJSON")?.try_into_function() {
            return self.converted(object, &to_json, key);
        }
        if object.get_prototype() != self.builtins.plain
            && let Some(unboxed) = self.unbox(object)?
        {
            return self.member(unboxed, key);
        }
        self.out.push(b'{');
        let mut is_first = true;
        for name in object.own_keys::<JsString<'js>>(Filter::new().string().enum_only()) {
            let name = name?;
            let start = self.out.len();
            if !is_first {
                self.out.push(b',');
            }
            self.text(&name)?;
            self.out.push(b':');
            self.enter(Step::Key(name.clone()), object)?;
            let value: Value<'js> = object.get(name)?;
            if self.member(value, "")? {
                is_first = false;
            } else {
                self.out.truncate(start);
            }
            self.path.pop();
        }
        self.out.push(b'}');
        Ok(true)
    }

    /// Dates and whoever else brings a `toJSON`. What it returns is not asked again.
    fn converted(
        &mut self,
        object: &Object<'js>,
        to_json: &Function<'js>,
        key: &str,
    ) -> Result<bool, Stop> {
        let value: Value<'js> = to_json.call((This(object.clone()), key))?;
        if value.as_object().is_some_and(|other| !other.is_array() && other == object) {
            return Err(self.refuse("has a toJSON that returns itself"));
        }
        self.enter(Step::Key(JsString::from_str(object.ctx().clone(), "toJSON()")?), object)?;
        let written = self.member(value, key)?;
        self.path.pop();
        Ok(written)
    }

    /// The value inside `new String("a")` and its like. Refuses what JSON cannot hold.
    fn unbox(&self, object: &Object<'js>) -> Result<Option<Value<'js>>, Stop> {
        for (name, class) in &self.builtins.classes {
            if !object.is_instance_of(class) {
                continue;
            }
            if let "Map" | "Set" | "Promise" = *name {
                let advice = advice(name);
                return Err(self.refuse(&format!("is a {name}, which JSON cannot hold{advice}")));
            }
            let value_of: Function<'js> = object.get("valueOf")?;
            let value: Value<'js> = value_of.call((This(object.clone()),))?;
            return Ok((!value.is_object()).then_some(value));
        }
        Ok(None)
    }

    fn enter(&mut self, step: Step<'js>, container: &Object<'js>) -> Result<(), Stop> {
        if self.path.len() >= DEPTH_MAX {
            if self.path.iter().any(|(_, above)| above == container) {
                return Err(Stop::result("the result contains itself"));
            }
            return Err(Stop::result(format!("the result is nested deeper than {DEPTH_MAX}")));
        }
        self.path.push((step, container.clone()));
        Ok(())
    }

    fn refuse(&self, what: &str) -> Stop {
        let mut path = String::from("result");
        for (step, _) in &self.path {
            match step {
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                Step::Key(name) => {
                    path.push('.');
                    path.push_str(&name.to_string().unwrap_or_else(|_| "?".into()));
                }
            }
        }
        Stop::result(format!("{path} {what}"))
    }
}

fn advice(class: &str) -> &'static str {
    match class {
        "Map" => "; use Object.fromEntries(map)",
        "Set" => "; use [...set]",
        _ => "; await it",
    }
}

fn well_formed(text: &JsString<'_>) -> Result<String, Stop> {
    let value = text.as_value();
    let to_well_formed: Function<'_> = value
        .ctx()
        .globals()
        .get::<_, Object<'_>>("String")?
        .get::<_, Object<'_>>("prototype")?
        .get("toWellFormed")?;
    Ok(to_well_formed.call((This(value.clone()),))?)
}
