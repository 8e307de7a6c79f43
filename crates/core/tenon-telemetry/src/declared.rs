//! What a metric is, apart from its value: what the reference is made of.

/// The value of a label for whatever is not in its list; must be the last of the list.
pub const LABEL_OTHER: &str = "other";

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by their size.
    Histogram,
}

impl Kind {
    /// Its name in the text format of Prometheus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What the values of a histogram are; decides its buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Times, in seconds.
    Seconds,
    /// How many there were.
    Count,
}

impl Unit {
    /// The upper bounds of the buckets.
    #[must_use]
    pub const fn buckets(self) -> &'static [f64] {
        match self {
            Self::Seconds => &[
                0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
                10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0,
            ],
            Self::Count => {
                &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0]
            }
        }
    }
}

/// A label and every value it may have. Never ids, names of people's things or addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values. Where the last one is [`LABEL_OTHER`], it stands for all that are not listed.
    pub values: &'static [&'static str],
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// What it means, in one sentence without markup.
    pub help: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// For a histogram.
    pub unit: Unit,
    /// The roles whose processes have it, by their names; all when there are none.
    pub roles: &'static [&'static str],
    /// Its labels.
    pub labels: &'static [Label],
}

impl About {
    /// How many series it has.
    #[must_use]
    pub fn series(&self) -> usize {
        self.labels.iter().map(|label| label.values.len()).product()
    }

    /// The values of the labels of a series, in the order of the labels.
    pub(crate) fn values_of(&self, series: usize) -> Vec<&'static str> {
        let mut rest = series;
        let mut values: Vec<&'static str> = Vec::with_capacity(self.labels.len());
        for label in self.labels.iter().rev() {
            values.push(label.values[rest % label.values.len()]);
            rest /= label.values.len();
        }
        values.reverse();
        values
    }

    /// The series of these values of the labels, in the order of the labels. A value that is not
    /// listed counts as the last one, which should be [`LABEL_OTHER`].
    pub(crate) fn series_of(&self, values: &[&str]) -> usize {
        debug_assert_eq!(
            values.len(),
            self.labels.len(),
            "a value for each label of {}",
            self.name
        );
        self.labels.iter().zip(values).fold(0, |series, (label, value)| {
            let last = label.values.len() - 1;
            let found = label.values.iter().position(|known| known == value);
            debug_assert!(
                found.is_some() || label.values[last] == LABEL_OTHER,
                "`{value}` is no value of the label `{}` of {}",
                label.name,
                self.name
            );
            series * label.values.len() + found.unwrap_or(last)
        })
    }

    /// Whether a process with one of these roles has it.
    #[must_use]
    pub fn is_of(&self, role: &str) -> bool {
        self.roles.is_empty() || self.roles.contains(&role)
    }
}

/// A metric that a crate declares in its table.
pub trait Declared: Sync {
    /// What it is.
    fn about(&self) -> &About;

    /// Makes all its series known to the recorder that is installed, each with the value 0: what
    /// has not happened yet is then seen as such, and not as missing.
    fn register(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About = About {
        name: "tenon_test_total",
        help: "For tests.",
        kind: Kind::Counter,
        unit: Unit::Count,
        roles: &["worker"],
        labels: &[
            Label { name: "kind", values: &["a", "b", "c"] },
            Label { name: "outcome", values: &["good", LABEL_OTHER] },
        ],
    };

    #[test]
    fn each_combination_of_values_has_a_series_of_its_own() {
        assert_eq!(ABOUT.series(), 6);
        for series in 0..6 {
            assert_eq!(ABOUT.series_of(&ABOUT.values_of(series)), series);
        }
        assert_eq!(ABOUT.values_of(5), ["c", "other"]);
    }

    #[test]
    fn what_is_not_listed_counts_as_other() {
        assert_eq!(ABOUT.series_of(&["b", "surprising"]), ABOUT.series_of(&["b", "other"]));
    }

    #[test]
    fn a_metric_without_labels_is_one_series() {
        let about = About { labels: &[], roles: &[], ..ABOUT };
        assert_eq!((about.series(), about.series_of(&[])), (1, 0));
        assert!(about.is_of("vault") && !ABOUT.is_of("vault"));
    }
}
