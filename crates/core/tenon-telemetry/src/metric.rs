//! Metrics as statics. All series of one are registered at its first use, so that what follows is
//! an index into a list and an atomic operation.
//!
//! The recorder must be installed before the first use; without one every operation is nothing.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Key, Level, Metadata};

use crate::declared::{About, Declared, Kind, Label, Unit};

/// How the registry is told where a metric comes from; the exporter makes nothing of it.
static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

fn keys(about: &About) -> impl Iterator<Item = Key> {
    (0..about.series()).map(|series| {
        let values = about.values_of(series);
        let labels: Vec<metrics::Label> = about
            .labels
            .iter()
            .zip(values)
            .map(|(label, value)| metrics::Label::from_static_parts(label.name, value))
            .collect();
        Key::from_parts(about.name, labels)
    })
}

macro_rules! metric {
    ($(#[$doc:meta])* $name:ident, $kind:expr, $handle:ty, $describe:ident, $register:ident) => {
        $(#[$doc])*
        pub struct $name {
            about: About,
            series: OnceLock<Box<[$handle]>>,
        }

        impl $name {
            /// For processes with these roles only.
            #[must_use]
            pub const fn roles(mut self, roles: &'static [&'static str]) -> Self {
                self.about.roles = roles;
                self
            }

            /// With these labels.
            #[must_use]
            pub const fn by(mut self, labels: &'static [Label]) -> Self {
                self.about.labels = labels;
                self
            }

            fn series(&self) -> &[$handle] {
                self.series.get_or_init(|| {
                    metrics::with_recorder(|recorder| {
                        recorder.$describe(self.about.name.into(), None, self.about.help.into());
                        keys(&self.about)
                            .map(|key| recorder.$register(&key, &METADATA))
                            .collect()
                    })
                })
            }
        }

        impl Declared for $name {
            fn about(&self) -> &About {
                &self.about
            }

            fn register(&self) {
                self.series();
            }
        }
    };
}

metric!(
    /// Something that happens, counted.
    Counter,
    Kind::Counter,
    metrics::Counter,
    describe_counter,
    register_counter
);
metric!(
    /// A value that goes up and down.
    Gauge,
    Kind::Gauge,
    metrics::Gauge,
    describe_gauge,
    register_gauge
);
metric!(
    /// Values, counted by their size.
    Histogram,
    Kind::Histogram,
    metrics::Histogram,
    describe_histogram,
    register_histogram
);

const fn about(name: &'static str, help: &'static str, kind: Kind, unit: Unit) -> About {
    About { name, help, kind, unit, roles: &[], labels: &[] }
}

impl Counter {
    /// Declares one.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { about: about(name, help, Kind::Counter, Unit::Count), series: OnceLock::new() }
    }

    /// Counts `n` of a metric without labels.
    pub fn add(&self, n: u64) {
        self.add_of(&[], n);
    }

    /// Counts `n` of the series with these values of the labels, in the order of the labels.
    pub fn add_of(&self, values: &[&str], n: u64) {
        self.series()[self.about.series_of(values)].increment(n);
    }
}

impl Gauge {
    /// Declares one.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { about: about(name, help, Kind::Gauge, Unit::Count), series: OnceLock::new() }
    }

    /// Sets a metric without labels.
    pub fn set(&self, value: f64) {
        self.set_of(&[], value);
    }

    /// Sets the series with these values of the labels, in the order of the labels.
    pub fn set_of(&self, values: &[&str], value: f64) {
        self.series()[self.about.series_of(values)].set(value);
    }
}

impl Histogram {
    /// Declares one of times.
    #[must_use]
    pub const fn of_seconds(name: &'static str, help: &'static str) -> Self {
        Self { about: about(name, help, Kind::Histogram, Unit::Seconds), series: OnceLock::new() }
    }

    /// Declares one of numbers of things.
    #[must_use]
    pub const fn of_counts(name: &'static str, help: &'static str) -> Self {
        Self { about: about(name, help, Kind::Histogram, Unit::Count), series: OnceLock::new() }
    }

    /// Takes a time.
    pub fn took(&self, time: Duration) {
        self.took_of(&[], time);
    }

    /// Takes a time for the series with these values of the labels.
    pub fn took_of(&self, values: &[&str], time: Duration) {
        self.series()[self.about.series_of(values)].record(time.as_secs_f64());
    }

    /// Takes a number of things.
    pub fn count(&self, things: usize) {
        self.series()[self.about.series_of(&[])].record(things as f64);
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::declared::LABEL_OTHER;

    static TRIES: Counter = Counter::new("tenon_tries_total", "Tries.")
        .roles(&["worker"])
        .by(&[Label { name: "outcome", values: &["good", "bad", LABEL_OTHER] }]);
    static SIZE: Gauge = Gauge::new("tenon_size", "A size.");
    static WAIT: Histogram = Histogram::of_seconds("tenon_wait_seconds", "A wait.");

    #[test]
    fn all_series_are_there_before_anything_happened_and_then_count() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            for declared in [&TRIES as &dyn Declared, &SIZE, &WAIT] {
                declared.register();
            }
            let text = handle.render();
            assert!(text.contains("# HELP tenon_tries_total Tries."), "{text}");
            for outcome in ["good", "bad", "other"] {
                assert!(text.contains(&format!("tenon_tries_total{{outcome=\"{outcome}\"}} 0")));
            }
            TRIES.add_of(&["bad"], 2);
            TRIES.add_of(&["unheard of"], 1);
            SIZE.set(7.0);
            WAIT.took(Duration::from_millis(3));
        });
        let text = handle.render();
        assert!(text.contains("tenon_tries_total{outcome=\"bad\"} 2"), "{text}");
        assert!(text.contains("tenon_tries_total{outcome=\"other\"} 1"), "{text}");
        assert!(text.contains("tenon_size 7"), "{text}");
        assert!(text.contains("tenon_wait_seconds_count 1"), "{text}");
    }
}
