//! The causes of an error, as `Error::source` tells them.

use std::{error::Error, iter::successors};

/// The causes below an error, the nearest first.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(error.source(), |cause| (*cause).source())
}

/// The causes below an error of an HTTP client in one line, without repetitions and without layers
/// that say nothing.
pub(crate) fn http_causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = causes(error)
        .map(ToString::to_string)
        .filter(|text| !text.starts_with("client error ("))
        .collect();
    said.dedup();
    if said.is_empty() { "the request failed".to_owned() } else { said.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    fn layers(texts: &[&'static str]) -> Layer {
        let (first, rest) = texts.split_first().expect("at least one");
        Layer(first, (!rest.is_empty()).then(|| Box::new(layers(rest))))
    }

    #[test]
    fn causes_are_told_nearest_first_without_the_error_itself() {
        let error = layers(&["outer", "middle", "inner"]);
        let told: Vec<String> = causes(&error).map(ToString::to_string).collect();
        assert_eq!(told, ["middle", "inner"]);
    }

    #[test]
    fn empty_layers_and_repetitions_are_left_out() {
        let error = layers(&["outer", "client error (Connect)", "refused", "refused", "os error"]);
        assert_eq!(http_causes(&error), "refused: os error");
        assert_eq!(http_causes(&layers(&["outer"])), "the request failed");
    }
}
