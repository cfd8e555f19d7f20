//! The program serves what the files in `deploy/` ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{metrics, pushsync, succeeds};

/// `run` in a new project, on all addresses, as in a pod.
struct Served {
    child: Child,
    address: SocketAddr,
    _project: TempDir,
}

impl Served {
    fn start() -> Self {
        let project = TempDir::new().expect("a folder");
        succeeds(pushsync().arg("init").arg(project.path()));
        let mut run = pushsync();
        run.args(["run", "--sandbox", "--listen", "0.0.0.0:0", "-C"]).arg(project.path());
        run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = run.spawn().expect("it runs");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let address = ([127, 0, 0, 1], port.unwrap_or_else(|| panic!("a port: {line}"))).into();
        Self { child, address, _project: project }
    }

    /// The status and the body of an answer, as a pod's address asks for it.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: 10.1.2.3:9090\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        (status, body.to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The metrics of a text, each with the labels of its samples.
fn samples(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(|name| (name.to_owned(), BTreeSet::new()))
        .collect();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let sample = line.rsplit_once(' ').expect("a value").0;
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let of_histogram = ["_bucket", "_sum", "_count"];
        let bare = of_histogram.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let labels = labels.split(',').filter_map(|label| label.split_once('='));
        let labels = labels.map(|(label, _)| label.to_owned()).filter(|label| label != "le");
        found.entry(bare.to_owned()).or_default().extend(labels);
    }
    found
}

#[test]
fn the_process_serves_the_metrics_that_dashboard_and_alerts_read_and_the_paths_of_the_probes() {
    let served = Served::start();
    let start = Instant::now();
    while served.get("/readyz").0 != 200 || !served.get("/metrics").1.contains("_last_success_") {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it is not ready: {:?}",
            served.get("/readyz")
        );
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(served.get("/livez").0, 200);
    let (status, text) = served.get("/metrics");
    assert_eq!(status, 200);
    let found = samples(&text);
    let expected: BTreeSet<_> = metrics::ALL.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for metric in metrics::ALL {
        let labels: BTreeSet<_> = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        let found = &found[metric.name];
        assert!(found.is_empty() || *found == labels, "{}: {found:?}", metric.name);
    }
}
