//! The snippets for websites make the visitor ids that pushsync makes. Each runs where its runtime is there, and must run
//! if `PUSHSYNC_NEED_RUNTIMES` is set.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{read, root};

/// A secret, a user's id, the number of digits, and the visitor's id.
type Vector = [String; 4];

fn vectors() -> Vec<Vector> {
    let file = read(&root().join("tests/fixtures/visitor-ids/vectors.tsv"));
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
            cells.try_into().expect("four cells")
        })
        .collect()
}

/// The block below `<!-- visitor-id: NAME -->`.
fn snippet(name: &str) -> String {
    let page = read(&root().join("docs/audiences.md"));
    let (_, after) = page.split_once(&format!("<!-- visitor-id: {name} -->\n```")).expect(name);
    let (_, body) = after.split_once('\n').expect("a line");
    body.split_once("\n```").expect("an end").0.to_owned() + "\n"
}

/// What reads `LENGTH <tab> USER ID` from each line of stdin, and prints the visitor's id.
fn driver(name: &str) -> &'static str {
    match name {
        "node" => {
            "for (const line of require('node:fs').readFileSync(0, 'utf8').split('\\n').slice(0, -1)) {\n\
             const [length, user] = line.split('\\t');\nconsole.log(visitorId(user, Number(length)));\n}\n"
        }
        "python3" => {
            "import sys\nfor line in sys.stdin.buffer.read().decode('utf-8').split('\\n')[:-1]:\n    \
             length, user = line.split('\\t')\n    print(visitor_id(user, int(length)))\n"
        }
        "php" => {
            "foreach (array_slice(explode(\"\\n\", stream_get_contents(STDIN)), 0, -1) as $line) {\n\
             [$length, $user] = explode(\"\\t\", $line);\necho visitor_id($user, (int) $length), \"\\n\";\n}\n"
        }
        "ruby" => {
            "STDIN.set_encoding('UTF-8')\nSTDIN.each_line(chomp: true) do |line|\n  length, user = line.split(\"\\t\")\n  \
             puts visitor_id(user, length.to_i)\nend\n"
        }
        "go" => {
            "func main() {\n\tbytes, _ := io.ReadAll(os.Stdin)\n\tfor _, line := range \
             strings.Split(strings.TrimSuffix(string(bytes), \"\\n\"), \"\\n\") {\n\t\tlength, user, _ := \
             strings.Cut(line, \"\\t\")\n\t\tn, _ := strconv.Atoi(length)\n\t\tfmt.Println(visitorID(user, n))\n\t}\n}\n"
        }
        "java" => {
            "class Main {\n    public static void main(String[] args) throws Exception {\n        String all = new \
             String(System.in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);\n        for (String line : \
             all.split(\"\\n\")) {\n            String[] parts = line.split(\"\\t\");\n            \
             System.out.println(VisitorId.of(parts[1], Integer.parseInt(parts[0])));\n        }\n    }\n}\n"
        }
        other => panic!("{other}"),
    }
}

/// The program of a language, in a folder, and the command that runs it.
fn program(name: &str, folder: &Path) -> Command {
    let (file, text) = match name {
        "go" => {
            // What the rest of the program needs besides.
            let imports = "\"os\"\n\t\"fmt\"\n\t\"io\"\n\t\"strconv\"\n\t\"strings\"";
            let snippet = snippet(name).replacen("\"os\"", imports, 1);
            ("main.go", snippet + driver(name))
        }
        // The first class of a file is the one that runs.
        "java" => {
            let snippet = snippet(name);
            let (imports, class) = snippet.split_once("class VisitorId").expect("a class");
            ("Main.java", format!("{imports}{}class VisitorId{class}", driver(name)))
        }
        _ => ("program", snippet(name) + driver(name)),
    };
    let path = folder.join(file);
    fs::write(&path, text).expect("writable");
    let mut command = Command::new(name);
    if name == "go" {
        command.arg("run").env("GOCACHE", folder.join("cache")).env("GO111MODULE", "off");
    }
    command.arg(path);
    command
}

fn is_there(name: &str) -> bool {
    let version = if name == "go" { "version" } else { "--version" };
    let ran = Command::new(name).arg(version).output();
    ran.is_ok_and(|ran| ran.status.success())
}

#[test]
fn the_snippets_for_websites_make_the_same_ids_in_every_language() {
    let vectors = vectors();
    assert!(vectors.len() > 30);
    let mut secrets: Vec<&str> = vectors.iter().map(|vector| vector[0].as_str()).collect();
    secrets.dedup();
    for name in ["node", "python3", "php", "ruby", "go", "java"] {
        assert!(snippet(name).lines().count() > 3, "{name}");
        if !is_there(name) {
            assert!(std::env::var_os("PUSHSYNC_NEED_RUNTIMES").is_none(), "{name} is not here");
            println!("left out: {name} is not here");
            continue;
        }
        for secret in &secrets {
            let these: Vec<&Vector> =
                vectors.iter().filter(|vector| vector[0] == *secret).collect();
            let folder = TempDir::new().expect("a folder");
            let mut child = program(name, folder.path())
                .env("PUSHSYNC_VISITOR_SECRET", secret)
                .env("LC_ALL", "C.UTF-8")
                .env("HOME", folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("it runs");
            let lines: String =
                these.iter().map(|vector| format!("{}\t{}\n", vector[2], vector[1])).collect();
            let mut stdin = child.stdin.take().expect("piped");
            stdin.write_all(lines.as_bytes()).expect("it reads");
            drop(stdin);
            let ran = child.wait_with_output().expect("it ends");
            assert!(ran.status.success(), "{name}");
            let found = String::from_utf8(ran.stdout).expect("UTF-8");
            let wanted: Vec<&str> = these.iter().map(|vector| vector[3].as_str()).collect();
            assert_eq!(found.lines().collect::<Vec<_>>(), wanted, "{name}");
        }
    }
}
