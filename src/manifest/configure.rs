//! Settings, from the layers of `pushsync.yaml`.

use std::{num::NonZeroUsize, time::Duration};

use super::{
    context::Context,
    files::Files,
    layers::{Layer, Layers},
    raw,
    settings::{MOST_CONCURRENT, Settings, StateSetting, Threshold},
    source_path::SourcePath,
    template::lints::{Level, Levels},
    unions::Threshold as RawThreshold,
};
use crate::{
    diagnostics::Code,
    model::{BaseUrl, ParseStateLocationError, StateLocation},
};

impl Levels {
    /// With what the layers say otherwise.
    pub(crate) fn over(self, layers: &Layers<'_, raw::Lints>) -> Self {
        let [braces, line_break, html, blank] = self.0;
        let level = |get: fn(&raw::Lints) -> Option<&Level>, below| {
            layers.get("", get).map_or(below, |(level, _)| *level)
        };
        Self([
            level(|raw| raw.single_braces.as_ref(), braces),
            level(|raw| raw.written_line_break.as_ref(), line_break),
            level(|raw| raw.html_in_text.as_ref(), html),
            level(|raw| raw.blank_start.as_ref(), blank),
        ])
    }
}

impl Files {
    /// A section that is a mapping with fixed fields.
    pub(super) fn section<'a, T>(
        &'a self,
        name: &str,
        base: impl Fn(&'a raw::File) -> Option<&'a T>,
        over: impl Fn(&'a raw::Environment) -> Option<&'a T>,
    ) -> Layers<'a, T> {
        let mut layers = Vec::new();
        if let Some(main) = self.main()
            && let Some(raw) = base(&main.document.raw)
        {
            layers.push(Layer { raw, at: main.source.child(name), faulty: false });
        }
        if let Some((raw, at)) = self.overlay()
            && let Some(raw) = over(raw)
        {
            layers.push(Layer { raw, at: at.child(name), faulty: false });
        }
        Layers(layers)
    }

    /// The lints of the project.
    pub(crate) fn lints(&self) -> Levels {
        let lints = self.section("lints", |raw| raw.lints.as_ref(), |raw| raw.lints.as_ref());
        Levels::default().over(&lints)
    }

    /// A setting with an error is reported, and has its default.
    pub(crate) fn settings(&self, cx: &mut Context<'_>) -> Settings {
        let api = self.section("api", |raw| raw.api.as_ref(), |raw| raw.api.as_ref());
        let limits = self.section("limits", |raw| raw.limits.as_ref(), |raw| raw.limits.as_ref());
        let safety = self.section("safety", |raw| raw.safety.as_ref(), |raw| raw.safety.as_ref());
        let privacy =
            self.section("privacy", |raw| raw.privacy.as_ref(), |raw| raw.privacy.as_ref());
        let state = self.section("state", |raw| raw.state.as_ref(), |raw| raw.state.as_ref());

        let state = state.0.last().and_then(|layer| state_setting(cx, layer.raw, &layer.at));
        let base_url = api
            .get("base_url", |raw| raw.base_url.as_ref())
            .and_then(|(text, at)| base_url(cx, text, &at));
        let timeout = match api.get("timeout", |raw| raw.timeout.as_ref()) {
            None => Some(Duration::from_secs(30)),
            Some((text, at)) => cx.timeout(text, &at),
        };
        let mut count = |field: Option<(&u64, SourcePath)>, default: u64, most: u64| match field {
            None => Some(default),
            Some((0, at)) => {
                cx.error(Code::BadValue, "this must be at least 1", &at);
                None
            }
            Some((count, at)) if *count > most => {
                cx.error(Code::BadValue, format!("this must be at most {most}"), &at);
                None
            }
            Some((count, _)) => Some(*count),
        };
        let concurrency =
            count(api.get("concurrency", |raw| raw.concurrency.as_ref()), 4, MOST_CONCURRENT);
        let requests_per_hour = count(
            limits.get("requests_per_hour", |raw| raw.requests_per_hour.as_ref()),
            100,
            u64::MAX,
        );
        let mut threshold = |field: Option<(&RawThreshold, SourcePath)>| match field {
            None => None,
            Some((RawThreshold(text), at)) => {
                let threshold = Threshold::parse(text);
                if threshold.is_none() {
                    let message = format!("{text:?} is neither a count nor a share");
                    let help = "write a count such as 5, or a share such as 20%".to_owned();
                    cx.error_with(Code::BadValue, message, &at, Some(help));
                }
                threshold
            }
        };
        let max_deletes = threshold(safety.get("max_deletes", |raw| raw.max_deletes.as_ref()));
        let max_creates = threshold(safety.get("max_creates", |raw| raw.max_creates.as_ref()));
        let max_resends = threshold(safety.get("max_resends", |raw| raw.max_resends.as_ref()));
        let mask = privacy.get("mask_visitors", |raw| raw.mask_visitors.as_ref());
        let concurrency = concurrency.and_then(|count| usize::try_from(count).ok());
        Settings {
            state: state.unwrap_or_else(|| StateSetting::default_in(cx.folder.root())),
            base_url: base_url.unwrap_or_else(BaseUrl::brevo),
            concurrency: concurrency.and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN),
            timeout: timeout.unwrap_or(Duration::from_secs(30)),
            requests_per_hour: requests_per_hour.unwrap_or(100),
            max_deletes: max_deletes.unwrap_or(Threshold::Share(20)),
            max_creates,
            max_resends: max_resends.unwrap_or(Threshold::Share(20)),
            mask_visitors: mask.map(|(mask, _)| *mask).unwrap_or_default(),
        }
    }
}

/// Where the state is; `None` if it was reported.
fn state_setting(cx: &mut Context<'_>, text: &str, at: &SourcePath) -> Option<StateSetting> {
    let text = cx.interpolated(text, at)?;
    match StateLocation::parse(text.value(), cx.folder.root()) {
        Ok(location) => Some(StateSetting { location, text: Some(text), place: Some(at.place()) }),
        Err(error) => {
            let cure = ParseStateLocationError::CURE.to_owned();
            cx.error_with(Code::BadState, error.to_string(), at, Some(cure));
            None
        }
    }
}

/// Where the API is; `None` if it was reported.
fn base_url(cx: &mut Context<'_>, text: &str, at: &SourcePath) -> Option<BaseUrl> {
    let text = cx.interpolated(text, at)?;
    let url = match BaseUrl::parse(text.value()) {
        Ok(url) => url,
        Err(error) => {
            cx.error(Code::BadBaseUrl, error.to_string(), at);
            return None;
        }
    };
    if !url.may_be_in_a_manifest() {
        let message = "the API key would go to this host: a manifest may only name \
                       https://api.brevo.com, or a server on this machine";
        let help = "name another host where pushsync runs: with --base-url, or in BREVO_BASE_URL";
        cx.error_with(Code::BadBaseUrl, message, at, Some(help.to_owned()));
        return None;
    }
    // The URL of the API is shown in plans: nothing but a number may come from a variable.
    let path = url.path();
    if text.has_variables()
        && path != "/v3"
        && !text.written().trim_end_matches('/').ends_with(path)
    {
        let message = "a variable in `base_url:` may not give the path: the URL of the API is shown \
                       in plans, and what a variable holds is not";
        let help = "write the path, or give the whole URL of the API in BREVO_BASE_URL".to_owned();
        cx.error_with(Code::BadBaseUrl, message, at, Some(help));
        return None;
    }
    Some(url)
}
