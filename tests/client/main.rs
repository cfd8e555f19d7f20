//! The client against a mock of the API, and against servers that break off.

#![expect(clippy::expect_used, reason = "helpers of tests may fail loudly too")]

mod connections;
mod errors;
mod operations;
mod tokens;

use std::time::Duration;

use pushsync::{
    brevo::{Client, Config, Credentials},
    model::{BaseUrl, MessageId, VisitorId},
};
use secrecy::SecretString;

const KEY: &str = "xkeysib-0123456789abcdef";
const PARTNER: &str = "partner-0123456789abcdef";
const VISITOR: &str = "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";

fn config(base_url: &str) -> Config {
    Config {
        base_url: BaseUrl::parse(base_url).expect("a base URL"),
        credentials: Credentials::Key(SecretString::from(KEY)),
        partner_key: None,
        timeout: Duration::from_secs(20),
        user_agent: "pushsync/test".to_owned(),
    }
}

fn client(base_url: &str) -> Client {
    Client::new(config(base_url)).expect("a client")
}

fn visitor() -> VisitorId {
    VisitorId::parse(VISITOR).expect("a visitor id")
}

fn id() -> MessageId {
    MessageId::new("AXCR3k9bpSY7bpuh7")
}
