//! The examples for those who run it: each can be read, and the configurations in them are valid.

use serde_json::Value;

use super::{File, files, root};
use crate::config::examples::faults;
use crate::support::home::Home;

/// Every document of a YAML text.
fn documents(file: &File) -> Vec<Value> {
    let documents = file.text.split("\n---\n").map(serde_yaml::from_str);
    documents.map(|document| document.unwrap_or_else(|error| panic!("{}: {error}", file.path))).collect()
}

fn example(path: &str) -> File {
    let text = std::fs::read_to_string(root().join("examples").join(path)).unwrap();
    File { path: path.to_owned(), text }
}

/// Passes `entitled check` without a warning, whatever it refers to being set.
fn is_valid(text: &str, from: &str) {
    let mut home = Home::new();
    home.write("entitlements.yaml", text);
    assert_eq!(faults(text, from), Vec::<String>::new());
    for reference in text.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next()) {
        let address = reference.ends_with("_ENDPOINT");
        home.set(reference, if address { "https://logto.example.com" } else { "a-value-of-the-user" });
    }
    let ran = home.entitled(&["check"]).exits(0);
    assert_eq!(ran.err, "", "{from}");
}

#[test]
fn every_file_of_them_can_be_read() {
    let mut read = 0;
    for file in files("examples") {
        if file.path.ends_with(".yaml") || file.path.ends_with(".yml") {
            assert!(
                documents(&file).iter().all(|document| document.is_object() || document.is_array()),
                "{}",
                file.path
            );
            read += 1;
        } else if file.path.ends_with(".json") {
            serde_json::from_str::<Value>(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
            read += 1;
        }
    }
    assert!(read >= 12, "only {read} were found");
}

#[test]
fn the_configurations_in_them_are_valid() {
    is_valid(&example("docker/entitlements.yaml").text, "docker");
    let objects = documents(&example("kubernetes/entitled.yaml"));
    let map = objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    is_valid(map["data"]["entitlements.yaml"].as_str().unwrap(), "kubernetes");
}

/// A repository to copy has the workflows that stand beside it, and a file that they take.
#[test]
fn the_repository_to_copy_is_whole() {
    is_valid(&example("gitops-repo/entitlements.yaml").text, "gitops-repo");
    for (copy, original) in [
        ("gitops-repo/.github/workflows/entitled.yml", "github-actions/entitled.yml"),
        ("gitops-repo/.gitlab-ci.yml", "gitlab-ci/entitled.gitlab-ci.yml"),
    ] {
        assert_eq!(example(copy).text, example(original).text, "{copy} differs from {original}");
    }
}

/// A job that has a secret runs nothing that a pull request brings.
#[test]
fn no_job_with_a_secret_checks_out_what_a_fork_proposes() {
    let workflow = &documents(&example("github-actions/entitled.yml"))[0];
    let jobs = workflow["jobs"].as_object().unwrap();
    for (name, job) in jobs {
        let text = job.to_string();
        let by_fork = job["if"].as_str().unwrap().contains("== 'pull_request'");
        assert!(!by_fork || !text.contains("secrets."), "{name}");
        for step in job["steps"].as_array().unwrap() {
            let Some(uses) = step["uses"].as_str() else { continue };
            let version = uses.split_once('@').unwrap().1;
            assert_eq!(version.matches('.').count(), 2, "{uses} is not pinned by a whole version");
            assert!(!uses.starts_with("actions/checkout@") || step["with"]["ref"].is_null(), "{name}");
        }
        // What others write reaches a shell as a variable, and never as a part of the script.
        let scripts = job["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str());
        scripts.for_each(|script| assert!(!script.contains("${{"), "{name}: {script}"));
    }
    assert_eq!(jobs.len(), 3);
    let gitlab = &documents(&example("gitlab-ci/entitled.gitlab-ci.yml"))[0];
    let rule = gitlab["preview"]["rules"][0]["if"].as_str().unwrap();
    assert!(rule.contains("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID"), "{rule}");
}

#[test]
fn the_pod_has_one_replica_its_probes_and_no_privileges() {
    let objects = documents(&example("kubernetes/entitled.yaml"));
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 1);
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(
        (&pod["securityContext"]["runAsNonRoot"], &container["securityContext"]["readOnlyRootFilesystem"]),
        (&true.into(), &true.into())
    );
    let mounts = container["volumeMounts"].as_array().unwrap();
    assert!(mounts.iter().all(|mount| mount.get("subPath").is_none()), "what is mounted by `subPath` never changes");
    // Every secret that the configuration asks for is given.
    let map = objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap()["data"]["entitlements.yaml"]
        .as_str()
        .unwrap();
    let secret = &objects.iter().find(|object| object["kind"] == "Secret").unwrap()["stringData"];
    for name in map.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next()) {
        assert!(secret[name].is_string(), "the Secret lacks {name}");
    }
}

#[test]
fn the_containers_are_run_by_nobody_special() {
    let image = example("docker/Dockerfile").text;
    let user = image.lines().filter_map(|line| line.strip_prefix("USER ")).next_back().unwrap();
    assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() >= 10_000), "{user}");
    let compose = &documents(&example("docker/compose.yaml"))[0];
    for service in ["postgres", "logto", "entitled"] {
        assert!(compose["services"][service].is_object(), "{service}");
    }
}

#[test]
fn the_unit_is_watched_and_starts_what_exists() {
    let unit = example("systemd/entitled.service").text;
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    assert_eq!((value("Type"), value("User")), (Some("notify"), Some("entitled")));
    assert!(value("WatchdogSec").is_some() && value("ExecReload").unwrap().contains("-HUP"));
    for key in ["ExecStart", "ExecStartPre"] {
        let command = value(key).unwrap().split_once(' ').unwrap().1;
        Home::new().entitled(&[command, "--help"]).exits(0);
    }
}
