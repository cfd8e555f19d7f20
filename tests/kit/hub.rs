//! A stand-in for the part of GitHub's API that the action uses.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::fake::{Answer, Asked, Fake};

pub(crate) const BOT: &str = "github-actions[bot]";

/// What it knows.
pub(crate) struct World {
    pub(crate) comments: Vec<Comment>,
    pub(crate) pulls: Vec<Value>,
    /// How it says that commits stand to each other; none: it does not know them.
    pub(crate) compared: Option<&'static str>,
    /// How many comments a page has.
    pub(crate) page: usize,
    pub(crate) faults: Vec<Fault>,
    next: u64,
}

#[derive(Clone)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    /// The number of the request that it is on.
    pub(crate) on: u64,
    pub(crate) login: String,
    pub(crate) body: String,
}

/// An answer to the next requests that begin so.
pub(crate) struct Fault {
    pub(crate) line: &'static str,
    pub(crate) times: usize,
    /// It takes effect all the same.
    pub(crate) after: bool,
    pub(crate) answer: Answer,
}

pub(crate) struct Hub {
    fake: Fake,
    world: Arc<Mutex<World>>,
}

impl Hub {
    pub(crate) fn start() -> Self {
        let world = World {
            comments: vec![],
            pulls: vec![],
            compared: None,
            page: 100,
            faults: vec![],
            next: 1000,
        };
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        let fake = Fake::start(move |_, asked| {
            let mut world = shared.lock().expect("not poisoned");
            world.answer(asked)
        });
        Self { fake, world }
    }

    pub(crate) fn url(&self) -> String {
        self.fake.base_url().trim_end_matches("/v3").to_owned()
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("not poisoned")
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.fake.asked()
    }

    /// Requests that begin so.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.asked().iter().filter(|asked| asked.line.starts_with(line)).count()
    }

    pub(crate) fn fails(&self, line: &'static str, times: usize, answer: Answer) {
        self.world().faults.push(Fault { line, times, after: false, answer });
    }

    /// Somebody writes a comment.
    pub(crate) fn write(&self, login: &str, body: &str) {
        self.world().write(7, login, body);
    }

    /// Our comments with this marker: their bodies.
    pub(crate) fn ours(&self, kind: &str) -> Vec<String> {
        self.marked(kind, |_| true)
    }

    /// The only comment of ours with this marker on a request.
    pub(crate) fn only_on(&self, on: u64, kind: &str) -> String {
        let mut ours = self.marked(kind, |comment| comment.on == on);
        assert_eq!(ours.len(), 1, "one comment {kind} on {on}: {ours:#?}");
        ours.remove(0)
    }

    fn marked(&self, kind: &str, which: impl Fn(&Comment) -> bool) -> Vec<String> {
        let start = format!("<!-- pushsync:{kind} ");
        let world = self.world();
        let ours = world.comments.iter().filter(|c| c.login == BOT && c.body.starts_with(&start));
        ours.filter(|comment| which(comment)).map(|comment| comment.body.clone()).collect()
    }

    /// The only one of them.
    pub(crate) fn only(&self, kind: &str) -> String {
        let mut ours = self.ours(kind);
        assert_eq!(ours.len(), 1, "one comment {kind}: {ours:#?}");
        ours.remove(0)
    }
}

impl World {
    fn write(&mut self, on: u64, login: &str, body: &str) -> u64 {
        self.next += 1;
        let comment = Comment { id: self.next, on, login: login.to_owned(), body: body.to_owned() };
        self.comments.push(comment);
        self.next
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        assert!(asked.head.to_lowercase().contains("authorization: bearer ghs_token\r\n"));
        let fault = self.faults.iter_mut().find(|f| f.times > 0 && asked.line.starts_with(f.line));
        if let Some(fault) = fault {
            fault.times -= 1;
            let (answer, after) = (fault.answer.clone(), fault.after);
            if after {
                self.serve(asked);
            }
            return answer;
        }
        self.serve(asked)
    }

    fn serve(&mut self, asked: &Asked) -> Answer {
        let mut words = asked.line.split(' ');
        let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let body = || -> String {
            let sent: Value = serde_json::from_str(&asked.body).expect("JSON");
            sent["body"].as_str().expect("a body").to_owned()
        };
        match (method, parts.as_slice()) {
            ("GET", ["repos", "acme", "chat", "issues", on, "comments"]) => {
                self.list(on.parse().expect("a number"), asked, query)
            }
            ("POST", ["repos", "acme", "chat", "issues", on, "comments"]) => {
                let body = body();
                // GitHub's limit.
                if body.chars().count() > 65_536 {
                    return Answer::json(422, r#"{"message":"Body is too long"}"#);
                }
                let id = self.write(on.parse().expect("a number"), BOT, &body);
                Answer::json(201, &shown(&self.comments, id).to_string())
            }
            (_, ["repos", "acme", "chat", "issues", "comments", id]) => {
                let id: u64 = id.parse().expect("an id");
                let Some(at) = self.comments.iter().position(|comment| comment.id == id) else {
                    return Answer::json(404, r#"{"message":"Not Found"}"#);
                };
                if method == "DELETE" {
                    self.comments.remove(at);
                    return Answer::Is(204, String::new(), String::new());
                }
                assert_eq!(method, "PATCH");
                self.comments[at].body = body();
                Answer::json(200, &shown(&self.comments, id).to_string())
            }
            ("GET", ["repos", "acme", "chat", "commits", _, "pulls"]) => {
                Answer::json(200, &Value::from(self.pulls.clone()).to_string())
            }
            ("GET", ["repos", "acme", "chat", "compare", both]) => {
                let (last, this) = both.split_once("...").expect("two commits");
                assert!([last, this].iter().all(|one| one.len() == 40), "{both}");
                match self.compared {
                    Some(status) => Answer::json(200, &json!({ "status": status }).to_string()),
                    None => Answer::json(404, r#"{"message":"Not Found"}"#),
                }
            }
            ("GET", ["repos", "acme", "chat", "pulls", number]) => {
                let number: u64 = number.parse().expect("a number");
                let found = self.pulls.iter().find(|pull| pull["number"] == number);
                match found {
                    Some(pull) => Answer::json(200, &pull.to_string()),
                    None => Answer::json(404, r#"{"message":"Not Found"}"#),
                }
            }
            _ => panic!("GitHub is not asked that: {}", asked.line),
        }
    }

    fn list(&self, on: u64, asked: &Asked, query: &str) -> Answer {
        let page = query.split('&').find_map(|part| part.strip_prefix("page="));
        let page: usize = page.map_or(1, |page| page.parse().expect("a number"));
        let all = self.comments.iter().filter(|comment| comment.on == on);
        let all: Vec<_> = all.map(|c| shown(&self.comments, c.id)).collect();
        let shown: Vec<_> = all.chunks(self.page).nth(page - 1).unwrap_or_default().to_vec();
        let headers = asked.head.lines().filter_map(|line| line.split_once(": "));
        let mut hosts = headers.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        let (_, host) = hosts.next().expect("a host");
        let mut headers = "content-type: application/json\r\n".to_owned();
        if page * self.page < all.len() {
            let path = asked.line.split(' ').nth(1).expect("a target").split('?').next();
            let path = path.expect("a path");
            let next = page + 1;
            headers.push_str(&format!(
                "Link: <http://{host}{path}?per_page=100&page=1>; rel=\"first\", <http://{host}{path}?per_page=100&page={next}>; rel=\"next\"\r\n"
            ));
        }
        Answer::Is(200, headers, Value::from(shown).to_string())
    }
}

fn shown(comments: &[Comment], id: u64) -> Value {
    let comment = comments.iter().find(|comment| comment.id == id).expect("it is there");
    json!({ "id": id, "body": comment.body, "user": { "login": comment.login },
        "html_url": format!("https://github.example/comments/{id}") })
}
