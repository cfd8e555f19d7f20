//! The examples for Kubernetes. `.ci/kit` compares them with the schemas of Kubernetes.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink};

use serde_json::Value;
use tempfile::TempDir;

use crate::{deploy, documents, list, pushsync, read, said, text};

const FILES: [&str; 2] = ["kubernetes/pushsync.yaml", "kubernetes/configmap.yaml"];

struct Example {
    name: &'static str,
    objects: Vec<Value>,
}

fn examples() -> [Example; 2] {
    FILES.map(|name| Example { name, objects: documents(&read(&deploy(name))) })
}

impl Example {
    fn of_kind(&self, kind: &str) -> Option<&Value> {
        self.objects.iter().find(|object| object["kind"] == kind)
    }

    fn pod(&self) -> &Value {
        &self.of_kind("Deployment").expect("a deployment")["spec"]["template"]
    }

    fn container(&self) -> &Value {
        let named = |container: &&Value| container["name"] == "pushsync";
        list(&self.pod()["spec"]["containers"]).iter().find(named).expect("pushsync")
    }

    fn arguments(&self) -> Vec<&str> {
        list(&self.container()["args"]).iter().map(text).collect()
    }

    fn argument(&self, name: &str) -> &str {
        let all = self.arguments();
        let values = all.iter().filter_map(|argument| argument.strip_prefix(name));
        let mut values = values.filter_map(|rest| rest.strip_prefix('='));
        values.next().unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }
}

#[test]
fn the_arguments_are_those_of_the_program() {
    for example in examples() {
        let output = pushsync().args(example.arguments()).arg("--help").output().expect("it runs");
        assert!(output.status.success(), "{}: {}", example.name, said(&output));
        assert_eq!(example.arguments()[0], "run", "{}", example.name);
    }
}

#[test]
fn probes_and_services_reach_the_port_that_it_listens_on() {
    for example in examples() {
        let (name, container) = (example.name, example.container());
        let (host, port) = example.argument("--listen").rsplit_once(':').expect("a port");
        assert_eq!(host, "0.0.0.0", "{name}: nobody reaches a loopback address of a pod");
        assert_eq!(container["ports"][0]["containerPort"].to_string(), port, "{name}");
        for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            let get = &container[probe]["httpGet"];
            assert_eq!((text(&get["path"]), text(&get["port"])), (path, "http"), "{name}");
        }
        let annotations = &example.pod()["metadata"]["annotations"];
        assert_eq!(text(&annotations["prometheus.io/port"]), port, "{name}");
        assert_eq!(text(&annotations["prometheus.io/path"]), "/metrics", "{name}");
        if let Some(service) = example.of_kind("Service") {
            assert_eq!(service["spec"]["ports"][0]["targetPort"], "http", "{name}");
        }
    }
}

#[test]
fn labels_volumes_and_secrets_belong_together() {
    for example in examples() {
        let (name, pod) = (example.name, example.pod());
        let labels = &pod["metadata"]["labels"];
        let deployment = example.of_kind("Deployment").expect("a deployment");
        assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels, "{name}");
        if let (Some(service), Some(policy)) =
            (example.of_kind("Service"), example.of_kind("NetworkPolicy"))
        {
            assert_eq!(&service["spec"]["selector"], labels, "{name}");
            assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels, "{name}");
        }
        let named = |object: &Value| text(&object["name"]).to_owned();
        let volumes: BTreeSet<_> = list(&pod["spec"]["volumes"]).iter().map(named).collect();
        let containers = ["initContainers", "containers"].map(|kind| list(&pod["spec"][kind]));
        let mut mounted = BTreeSet::new();
        for container in containers.concat() {
            mounted.extend(list(&container["volumeMounts"]).iter().map(named));
        }
        assert_eq!(volumes, mounted, "{name}");
        let secret = &example.of_kind("Secret").expect("a secret")["stringData"];
        for variable in list(&example.container()["env"]) {
            if let Some(key) = variable["valueFrom"]["secretKeyRef"]["key"].as_str() {
                assert!(secret[key].is_string(), "{name}: the secret has no {key}");
            }
            if variable["name"] == "BREVO_API_KEY_FILE" {
                let key = text(&variable["value"]).strip_prefix("/secrets/").expect("mounted");
                assert!(secret[key].is_string(), "{name}: the secret has no {key}");
            }
        }
    }
}

#[test]
fn only_the_path_of_webhooks_is_open_to_the_outside() {
    let objects = documents(&read(&deploy("kubernetes/webhooks.yaml")));
    let ingress = objects.iter().find(|object| object["kind"] == "Ingress").expect("an ingress");
    let paths: Vec<_> = list(&ingress["spec"]["rules"])
        .iter()
        .flat_map(|rule| list(&rule["http"]["paths"]))
        .map(|path| (text(&path["path"]), text(&path["backend"]["service"]["name"])))
        .collect();
    assert_eq!(paths, [("/webhooks/brevo/", "pushsync")]);
    assert_eq!(
        ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/enable-access-log"],
        "false"
    );
    let [example, _] = examples();
    let service = example.of_kind("Service").expect("a service");
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(service["metadata"]["name"], backend["name"]);
    assert_eq!(service["spec"]["ports"][0]["name"], backend["port"]["name"]);
}

#[test]
fn pods_have_no_right_that_they_do_not_need() {
    for example in examples() {
        let pod = &example.pod()["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{}", example.name);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{}", example.name);
        let containers = ["initContainers", "containers"].map(|kind| list(&pod[kind])).concat();
        for container in containers {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false, "{}", container["name"]);
            assert_eq!(security["readOnlyRootFilesystem"], true, "{}", container["name"]);
            assert_eq!(security["capabilities"]["drop"][0], "ALL", "{}", container["name"]);
            assert!(
                container["resources"]["limits"]["memory"].is_string(),
                "{}",
                container["name"]
            );
        }
        // The image's user.
        let dockerfile = read(&crate::root().join("Dockerfile"));
        let user = &pod["securityContext"]["runAsUser"];
        assert!(dockerfile.contains(&format!("USER {user}:{user}")), "{user}");
    }
}

#[test]
fn it_runs_in_the_checkout_that_git_sync_links_to() {
    let [example, _] = examples();
    let sidecar = &example.pod()["spec"]["initContainers"][0];
    let arguments: Vec<_> = list(&sidecar["args"]).iter().map(text).collect();
    let value = |name: &str| {
        let find = arguments.iter().find_map(|argument| argument.strip_prefix(name));
        find.unwrap_or_else(|| panic!("git-sync has no {name}"))
    };
    let link = format!("{}/{}", value("--root="), value("--link="));
    assert_eq!(example.argument("--directory"), link);
    assert_eq!(sidecar["restartPolicy"], "Always", "a sidecar starts first, and goes on");
}

/// As Kubernetes lays a ConfigMap out: links to links.
#[test]
fn the_project_in_the_config_map_is_valid() {
    let [_, example] = examples();
    let folder = TempDir::new().expect("a folder");
    let version = folder.path().join("..2026_12_01_09_00_00.1");
    fs::create_dir(&version).expect("a folder");
    symlink("..2026_12_01_09_00_00.1", folder.path().join("..data")).expect("a link");
    let map = example.of_kind("ConfigMap").expect("a ConfigMap");
    for (name, body) in map["data"].as_object().expect("files") {
        fs::write(version.join(name), text(body)).expect("a file");
        symlink(format!("..data/{name}"), folder.path().join(name)).expect("a link");
    }
    let output = pushsync().args(["validate", "-C"]).arg(folder.path()).output().expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("The project is valid: 1 message"), "{}", said(&output));
}
