//! What an editor shows of operations: rust-analyzer is asked what it tells editors, where
//! it is installed. The author's function is two, and no more than that.

use async_op_ui_tests::Packages;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SOURCE: &str = include_str!("../packages/editor.rs");

/// Definitions, and how much is shown of each: of both its functions.
const DEFINITIONS: [&str; 6] = [
    "async_write(&self",
    "async_read(&self",
    "async_echo(&self",
    "async_free(socket: &",
    "async_len(&self",
    "async_is_empty(&self",
];
const MOST_SHOWN: usize = 3500;

/// Calls, and what they are of.
const CALLS: [(&str, &str); 8] = [
    ("write(Vec", "async_write(&self"),
    ("async_write(Vec", "async_write(&self"),
    ("read(\"\")", "async_read(&self"),
    ("async_read(\"\"", "async_read(&self"),
    ("echo(Vec", "async_echo(&self"),
    ("async_echo(Vec", "async_echo(&self"),
    ("free(socket, 1)", "async_free(socket: &"),
    ("async_free(socket, 1", "async_free(socket: &"),
];

#[test]
fn an_operation_is_two_functions() {
    let version = Command::new("rust-analyzer").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        return eprintln!("skipped: rust-analyzer is not installed");
    }
    let packages = Packages::new(env!("CARGO_TARGET_TMPDIR"), "editor", &[2024], SOURCE);
    let mut editor = Editor::start(&packages);

    for definition in DEFINITIONS {
        let place = place_of(definition);
        let shown = editor.hover(place);
        assert!(
            shown.contains("Token::Return<impl"),
            "{definition}: {shown}"
        );
        let length = shown.chars().count();
        assert!(
            length < MOST_SHOWN,
            "{length} characters of {definition}: {shown}"
        );
        assert_eq!(editor.definitions(place), [place], "{definition}");
        let functions = editor.ask("textDocument/prepareCallHierarchy", at(place));
        let functions = functions.as_array().map_or(0, Vec::len);
        assert_eq!(functions, 2, "{definition}");
    }

    for (call, definition) in CALLS {
        let place = place_of(call);
        assert_eq!(editor.definitions(place), [place_of(definition)], "{call}");
        assert!(!editor.hover(place).is_empty(), "{call}");
    }

    for name in ["async_write(&self", "async_write(Vec"] {
        let edited = editor.rename(place_of(name), "async_send");
        let both = ["async_write(&self", "async_write(Vec"].map(place_of);
        assert_eq!(edited, both, "{name}");
    }

    assert_eq!(editor.complete("crate::a", "async_"), ["async_free"]);
    assert_eq!(editor.complete("crate::f", "free"), ["free"]);
    let methods = editor.complete("socket.", "");
    for method in [
        "async_write",
        "write",
        "async_read",
        "read",
        "async_echo",
        "echo",
    ] {
        assert!(
            methods.iter().any(|it| it == method),
            "{method} is not in {methods:?}"
        );
    }
    let version = Command::new("rustc").arg("--version").output();
    if version.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("nightly")) {
        return eprintln!("skipped: what is unstable is offered on nightly");
    }
    for text in ["socket.", "Socket::"] {
        let offered = editor.complete(text, "");
        let ours = |name: &&String| name.ends_with("_operation") || name.ends_with("_body");
        assert_eq!(offered.iter().find(ours), None, "after {text}");
        assert!(offered.iter().any(|it| it == "async_write"), "after {text}");
    }
}

/// A line and a column.
type Place = (u64, u64);

/// The one place of `text` in the source, but in a longer name.
fn place_of(text: &str) -> Place {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut places = SOURCE
        .match_indices(text)
        .map(|(index, _)| &SOURCE[..index])
        .filter(|before| !before.ends_with(is_word));
    let before = places
        .next()
        .unwrap_or_else(|| panic!("{text} is not in the source"));
    assert_eq!(places.next(), None, "{text} is in the source twice");
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() as u64, line.len() as u64)
}

fn at((line, character): Place) -> Value {
    json!({ "position": { "line": line, "character": character } })
}

fn start_of(range: &Value) -> Place {
    let start = &range["start"];
    let number = |value: &Value| value.as_u64().expect("a number");
    (number(&start["line"]), number(&start["character"]))
}

/// An editor with one file open.
struct Editor {
    server: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    file: String,
    requests: u64,
    version: u64,
}

impl Editor {
    fn start(packages: &Packages) -> Self {
        let root = fs::canonicalize(packages.root()).expect("the packages are there");
        let mut server = Command::new("rust-analyzer")
            .current_dir(&root)
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("rust-analyzer runs");
        let mut editor = Self {
            input: server.stdin.take().expect("it is piped"),
            output: BufReader::new(server.stdout.take().expect("it is piped")),
            server,
            file: format!("file://{}/editor_2024/src/lib.rs", root.display()),
            requests: 0,
            version: 1,
        };
        let shown = json!({ "hover": { "contentFormat": ["markdown"] } });
        editor.ask(
            "initialize",
            json!({
                "rootUri": format!("file://{}", root.display()),
                "capabilities": {
                    "experimental": { "serverStatusNotification": true },
                    "textDocument": shown,
                },
                "initializationOptions": {
                    "checkOnSave": false,
                    "cachePriming": { "enable": false },
                    "cargo": { "targetDir": packages.target() },
                },
            }),
        );
        editor.tell("initialized", json!({}));
        let text = json!({ "languageId": "rust", "version": 1, "text": SOURCE });
        editor.tell("textDocument/didOpen", text);
        while !editor
            .receive()
            .is_some_and(|it| it["params"]["quiescent"] == true)
        {}
        editor
    }

    /// What is shown of the name at `place`.
    fn hover(&mut self, place: Place) -> String {
        let hover = self.ask("textDocument/hover", at(place));
        let text = hover["contents"]["value"].as_str();
        text.unwrap_or_default().to_owned()
    }

    /// Where the name at `place` is defined, in this file.
    fn definitions(&mut self, place: Place) -> Vec<Place> {
        let definitions = self.ask("textDocument/definition", at(place));
        let definitions = definitions.as_array().cloned().unwrap_or_default();
        let definitions = definitions
            .iter()
            .inspect(|it| assert_eq!(it["uri"], self.file));
        definitions.map(|it| start_of(&it["range"])).collect()
    }

    /// What is edited to rename what is at `place`.
    fn rename(&mut self, place: Place, name: &str) -> Vec<Place> {
        let mut rename = at(place);
        rename["newName"] = name.into();
        let edits = self.ask("textDocument/rename", rename);
        let files = edits["documentChanges"].as_array().cloned();
        let edits = files
            .iter()
            .flatten()
            .filter_map(|it| it["edits"].as_array());
        edits.flatten().map(|it| start_of(&it["range"])).collect()
    }

    /// The names that begin with `prefix`, of those that are offered after `text`.
    fn complete(&mut self, text: &str, prefix: &str) -> Vec<String> {
        let source = SOURCE.replace("/* here */", text);
        let (line, column) = place_of("/* here */");
        self.version += 1;
        let change = json!({ "version": self.version, "contentChanges": [{ "text": source }] });
        self.tell("textDocument/didChange", change);
        let place = (line, column + text.len() as u64);
        let offered = self.ask("textDocument/completion", at(place));
        let items = offered["items"].as_array().cloned().unwrap_or_default();
        let names = items
            .iter()
            .filter_map(|item| item["filterText"].as_str().or(item["label"].as_str()));
        let names = names.filter(|name| name.starts_with(prefix));
        names.map(str::to_owned).collect()
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        loop {
            self.requests += 1;
            let id = self.requests;
            self.send(method, params.clone(), Some(id));
            let answer = loop {
                if let Some(message) = self.receive().filter(|it| it["id"] == id) {
                    break message;
                }
            };
            // It has learnt something new meanwhile.
            if answer["error"]["code"] != -32801 {
                return answer["result"].clone();
            }
        }
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(method, params, None);
    }

    fn send(&mut self, method: &str, mut params: Value, id: Option<u64>) {
        if method.starts_with("textDocument/") {
            params["textDocument"]["uri"] = self.file.as_str().into();
            for key in ["languageId", "version", "text"] {
                if let Some(value) = params.get(key).cloned() {
                    params["textDocument"][key] = value;
                }
            }
        }
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        if let Some(id) = id {
            message["id"] = id.into();
        }
        self.write(&message);
    }

    fn write(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("it listens");
    }

    /// The next answer or notification. What it asks of an editor is answered: nothing.
    fn receive(&mut self) -> Option<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("it answers");
            assert!(!line.is_empty(), "rust-analyzer has ended");
            match line.trim_end().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().expect("a number"),
                None if line == "\r\n" => break,
                None => {}
            }
        }
        let mut text = vec![0; length];
        self.output.read_exact(&mut text).expect("it answers");
        let message: Value = serde_json::from_slice(&text).expect("it answers in JSON");
        if message.get("method").is_some() && message.get("id").is_some() {
            self.write(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": null }));
            return None;
        }
        Some(message)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ended = self.server.kill().and_then(|()| self.server.wait());
    }
}
