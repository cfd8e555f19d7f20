//! From a request to an operation with checked parameters.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::reply::Reply;
use crate::{
    brevo::Operation,
    model::{Kind, Sender},
};

/// A method and a path that the API has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) operation: Operation,
    /// The id at the end of the path, decoded; empty for operations without one.
    pub(super) id: String,
}

/// Finds the operation; `Err` is a 404 or a 405. `/v3` before the path may be left out.
pub(super) fn route(method: &str, path: &str) -> Result<Route, Reply> {
    let path = path.strip_prefix("/v3").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let on_path = |operation: &Operation| -> Option<String> {
        let rest = path.strip_prefix(operation.collection())?;
        match (operation.has_id(), rest) {
            (false, "") => Some(String::new()),
            (false, _) | (true, "") => None,
            (true, rest) => {
                let id = rest.strip_prefix('/')?;
                (!id.is_empty() && !id.contains('/')).then(|| decode(id)).flatten()
            }
        }
    };
    let mut allowed = None;
    for operation in Operation::ALL {
        if let Some(id) = on_path(&operation) {
            if operation.method() == method {
                return Ok(Route { operation, id });
            }
            allowed = Some(if operation.has_id() { "GET, PUT, DELETE" } else { "POST" });
        }
    }
    Err(match allowed {
        Some(_) => Reply {
            allow: allowed,
            ..Reply::error(405, "method_not_allowed", format!("{path} does not take {method}"))
        },
        None => Reply::error(404, "not_found", "the API has nothing at this path"),
    })
}

/// Undoes percent-encoding; `None` if the result is not UTF-8.
fn decode(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(Cow::into_owned)
}

/// The body of a request, to be asked for its fields.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(body: &[u8]) -> Result<Self, Reply> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            Ok(_) => Err(Reply::invalid("the body must be a JSON object")),
            Err(_) if body.trim_ascii().is_empty() => Err(Reply::missing("the body is missing")),
            Err(error) => Err(Reply::invalid(format!("the body is not valid JSON: {error}"))),
        }
    }

    /// A field that may be left out; `null` is as good as absent (SDKs send it).
    fn optional(&self, name: &str) -> Result<Option<String>, Reply> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => {
                Err(Reply::invalid(format!("{name} must not be empty")))
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Reply::invalid(format!("{name} must be a string"))),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, Reply> {
        self.optional(name)?.ok_or_else(|| Reply::missing(format!("{name} is missing")))
    }

    /// On whose behalf messages of this kind are sent; an agent is pinged like the sender of an
    /// agent's message.
    pub(super) fn sender(&self, kind: Kind) -> Result<Sender, Reply> {
        match kind {
            Kind::Pushed => self.agent_or_group(),
            Kind::Agent => self.agent(),
        }
    }

    fn agent_or_group(&self) -> Result<Sender, Reply> {
        match (self.optional("agentId")?, self.optional("groupId")?) {
            (None, None) => Ok(Sender::Random),
            (None, Some(group)) => Ok(Sender::Group(group)),
            (Some(id), None) => Ok(Sender::Agent { id, received_from: None }),
            (Some(_), Some(_)) => {
                Err(Reply::invalid("agentId and groupId exclude each other (the sandbox's rule)"))
            }
        }
    }

    fn agent(&self) -> Result<Sender, Reply> {
        let received_from = self.optional("receivedFrom")?;
        let by_email = (self.optional("agentEmail")?, self.optional("agentName")?);
        match (self.optional("agentId")?, by_email, received_from) {
            (Some(id), (None, None), received_from) => Ok(Sender::Agent { id, received_from }),
            (Some(_), _, _) => Err(Reply::invalid(
                "either agentId alone, or agentEmail, agentName and receivedFrom, not both",
            )),
            (None, (Some(email), Some(name)), Some(received_from)) => {
                let (user, host) = email.split_once('@').unwrap_or_default();
                if user.is_empty() || host.is_empty() || email.contains(char::is_whitespace) {
                    return Err(Reply::invalid("agentEmail is not an e-mail address"));
                }
                Ok(Sender::Helpdesk { email, name, received_from })
            }
            (None, _, _) => Err(Reply::missing(
                "either agentId, or all of agentEmail, agentName and receivedFrom",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Option<(Operation, String)> {
        route(method, path).ok().map(|route| (route.operation, route.id))
    }

    #[test]
    fn every_operation_is_found_with_and_without_its_prefix() {
        for operation in Operation::ALL {
            let id = if operation.has_id() { "a b" } else { "" };
            let tail = if operation.has_id() { "/a%20b" } else { "" };
            for prefix in ["", "/v3"] {
                let path = format!("{prefix}{}{tail}", operation.collection());
                assert_eq!(found(operation.method(), &path), Some((operation, id.to_owned())));
            }
        }
    }

    #[test]
    fn other_paths_are_404_and_other_methods_405() {
        for path in [
            "/",
            "/v3",
            "/v3conversations/messages",
            "/v3/v3/conversations/messages",
            "/conversations/messages/",
            "/conversations/messages/a/b",
            "/conversations/messagesx",
            "/conversations/agentOnlinePing/x",
            "/conversations/pushedMessages/%ff",
        ] {
            assert_eq!(route("GET", path).map_err(|reply| reply.status), Err(404), "{path}");
        }
        for (method, path, allow) in [
            ("GET", "/conversations/messages", "POST"),
            ("POST", "/v3/conversations/pushedMessages/x", "GET, PUT, DELETE"),
            ("PATCH", "/conversations/agentOnlinePing", "POST"),
        ] {
            let reply = route(method, path).expect_err("a 405");
            assert_eq!((reply.status, reply.allow), (405, Some(allow)), "{path}");
        }
    }

    #[test]
    fn an_id_in_a_path_is_decoded_once() {
        assert_eq!(decode("..%2Fx%252F"), Some("../x%2F".to_owned()));
        assert_eq!(decode("100%"), Some("100%".to_owned()));
        assert_eq!(decode("%+1%zz%é"), Some("%+1%zz%é".to_owned()));
        assert_eq!(decode("%ff"), None);
    }
}
