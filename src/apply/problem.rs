use std::fmt;

use crate::{
    brevo::{Error, Hint},
    diagnostics::Code,
};

/// Why a change did not happen, or may not have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The API refused it, or did not answer.
    Api(Error),
    /// The message that was to be changed is gone; the state knows that now.
    Gone(Error),
    /// The message to be adopted is another one than the manifest means.
    NotAdopted(String),
    /// The plan does not fit the state, or this program has a defect.
    Defect(String),
}

impl Problem {
    fn error(&self) -> Option<&Error> {
        match self {
            Self::Api(error) | Self::Gone(error) => Some(error),
            Self::NotAdopted(_) | Self::Defect(_) => None,
        }
    }

    /// The status of the API's answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api(error) | Self::Gone(error) => error.status(),
            Self::NotAdopted(_) => Some(200),
            Self::Defect(_) => None,
        }
    }

    /// The API's word for it: `document_not_found`.
    pub fn code(&self) -> Option<&str> {
        self.error().and_then(Error::code)
    }

    /// `sib-request-id`.
    pub fn request_id(&self) -> Option<&str> {
        self.error().and_then(Error::request_id)
    }

    /// The name under which it is explained, if it is one of the refusals that have one.
    pub fn explained(&self) -> Option<Code> {
        let Self::Api(error) = self else { return None };
        Some(match error.hint()? {
            Hint::InvalidClient(_) => Code::InvalidClient,
            Hint::InvalidScope => Code::InvalidScope,
            Hint::UnauthorizedClient => Code::UnauthorizedClient,
            Hint::NoTokenEndpoint | Hint::TokenLater => Code::NoToken,
            Hint::TokenRefused | Hint::TokenDropped => Code::ExpiredToken,
            Hint::NoKey | Hint::WrongKey(_) | Hint::Unauthorized(_) => Code::Unauthorized,
            Hint::UnrecognisedIp => Code::UnrecognisedIp,
            Hint::Plan => Code::NotEnoughCredits,
            Hint::Forbidden | Hint::MissingScope(_) => Code::PermissionDenied,
            Hint::Gone
            | Hint::NotFromTheApi
            | Hint::Unreachable
            | Hint::WrongPath
            | Hint::Wait(_) => return None,
        })
    }

    /// What to do now, if that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint().map(|hint| hint.to_string()),
            Self::Gone(_) => {
                Some("the state knows now that it is gone; the next plan says what follows".into())
            }
            Self::NotAdopted(_) => Some("check the id and the address of the import".into()),
            Self::Defect(_) => Some("nothing was sent for it; make a new plan".into()),
        }
    }
}

/// What happened: a lower-case fragment.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(error) | Self::Gone(error) => error.fmt(f),
            Self::NotAdopted(why) | Self::Defect(why) => f.write_str(why),
        }
    }
}
