//! Prometheus's text format, version 0.0.4.

use std::fmt::{Display, Write as _};

use crate::counts::{Label, Times};

/// The media type of the format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics as text, family by family. Names, helps and the names of labels are constants that need no escape; values of
/// labels are escaped.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// A number that only grows.
    pub(crate) fn counter(&mut self, name: &str, help: &str, total: impl Display) {
        self.head(name, "counter", help);
        self.sample(name, &[], total);
    }

    /// Numbers that only grow, one for each value of a label.
    pub(crate) fn counters<L: Label>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        totals: impl IntoIterator<Item = (L, u64)>,
    ) {
        self.head(name, "counter", help);
        for (value, total) in totals {
            self.sample(name, &[(label, value.name())], total);
        }
    }

    /// A number that goes up and down.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.labelled_gauge(name, help, &[], value);
    }

    /// A number that goes up and down, with labels.
    pub(crate) fn labelled_gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        self.head(name, "gauge", help);
        self.sample(name, labels, value);
    }

    /// A family of which each series is a histogram.
    pub(crate) fn histogram<'t>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Vec<(&'t str, &'t str)>, Times)>,
    ) {
        self.head(name, "histogram", help);
        let (bucket, sum, count) = (format!("{name}_bucket"), format!("{name}_sum"), format!("{name}_count"));
        for (labels, times) in series {
            let bounds = times.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
            for (bound, count) in bounds.zip(&times.cumulative) {
                let mut labels = labels.clone();
                labels.push(("le", &bound));
                self.sample(&bucket, &labels, count);
            }
            self.sample(&sum, &labels, times.sum_s);
            self.sample(&count, &labels, times.cumulative.last().copied().unwrap_or_default());
        }
    }

    /// The text so far.
    #[must_use]
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a `String` does not fail.
        let _written = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _written = write!(self.text, "{}{label}=\"{value}\"", if place == 0 { '{' } else { ',' });
        }
        let _written = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::counts::Histogram;

    #[test]
    fn every_kind_of_metric_is_written_as_the_format_has_it() {
        let mut exposition = Exposition::default();
        exposition.counter("a_total", "One.", 3);
        exposition.labelled_gauge("b", "Two.", &[("x", "a\\b\"c\nd"), ("y", "")], 1.5);
        let histogram = Histogram::new(&[0.5, 10.0]);
        histogram.observe(Duration::from_millis(250));
        histogram.observe(Duration::from_secs(20));
        exposition.histogram("c_seconds", "Three.", [(vec![("z", "1")], histogram.times())]);
        insta::assert_snapshot!(exposition.into_text(), @r#"
        # HELP a_total One.
        # TYPE a_total counter
        a_total 3
        # HELP b Two.
        # TYPE b gauge
        b{x="a\\b\"c\nd",y=""} 1.5
        # HELP c_seconds Three.
        # TYPE c_seconds histogram
        c_seconds_bucket{z="1",le="0.5"} 1
        c_seconds_bucket{z="1",le="10"} 1
        c_seconds_bucket{z="1",le="+Inf"} 2
        c_seconds_sum{z="1"} 20.25
        c_seconds_count{z="1"} 2
        "#);
    }
}
