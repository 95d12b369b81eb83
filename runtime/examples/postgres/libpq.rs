//! Another contestant: libpq, by a program in C that is compiled for the occasion.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::{Address, Config};
use super::compare::{Contest, Score};

/// Runs as long as there is a contest.
struct Program {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Drop for Program {
    fn drop(&mut self) {
        // At the end of its input it ends.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Has so many queries under way, with a sync for `each` or for a `batch`.
///
/// Fails with [`NotFound`](ErrorKind::NotFound) where there is no compiler, or no libpq.
pub(super) fn libpq(
    config: &Config,
    callers: usize,
    syncs: &str,
) -> Result<Contest, Box<dyn Error>> {
    let program = compiled()?;
    let child = Command::new(&program)
        .args([&place(config), &callers.to_string(), syncs])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    // It goes on without.
    fs::remove_file(program)?;
    let mut child = child?;
    let said = child.stdout.take().ok_or("no output")?;
    let said = BufReader::new(said);
    let mut program = Program { child, said };
    Ok(Box::new(move |until| program.contest(until).unwrap()))
}

impl Program {
    fn contest(&mut self, until: Instant) -> Result<Score, Box<dyn Error>> {
        let limit = until.saturating_duration_since(Instant::now());
        let input = self.child.stdin.as_mut().ok_or("no input")?;
        writeln!(input, "{}", limit.as_millis())?;
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        let numbers: Vec<f64> = line.split_whitespace().flat_map(str::parse).collect();
        let &[queries, seconds, cpu, switches, allocations] = &numbers[..] else {
            return Err("libpq has failed".into());
        };
        Ok(Score {
            queries: queries as usize,
            seconds,
            cpu: Duration::from_secs_f64(cpu),
            switches: switches as u64,
            allocations: allocations as usize,
        })
    }
}

fn compiled() -> io::Result<PathBuf> {
    let missing = |what: &str| io::Error::new(ErrorKind::NotFound, format!("no {what}"));
    let asked = Command::new("pg_config").arg("--includedir").output();
    let asked = asked.map_err(|_| missing("pg_config (Debian: libpq-dev)"))?;
    let headers = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    let program = std::env::temp_dir().join(format!("async-op-libpq-{}", std::process::id()));
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/examples/postgres/c/libpq.c");
    let output = Command::new("cc")
        .args(["-O2", "-I", &headers])
        .arg(source)
        .arg("-lpq")
        .arg("-o")
        .arg(&program)
        .output()
        .map_err(|_| missing("compiler (cc)"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(missing(&format!("libpq: {said}")));
    }
    Ok(program)
}

/// Where the server is, as libpq is told.
fn place(config: &Config) -> String {
    let (host, port) = match &config.address {
        Address::Tcp(addresses) => (addresses[0].ip().to_string(), addresses[0].port()),
        Address::Unix(path) => {
            let folder = path.parent().unwrap_or(path);
            let port = path.extension().and_then(|it| it.to_str()?.parse().ok());
            (folder.display().to_string(), port.unwrap_or(5432))
        }
        _ => panic!("libpq has to connect by itself"),
    };
    let database = config.database.as_deref().unwrap_or(&config.user);
    let password = config.password.as_deref().unwrap_or_default();
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    format!(
        "host='{}' port={port} user='{}' dbname='{}' password='{}' gssencmode=disable sslmode=disable",
        quoted(&host),
        quoted(&config.user),
        quoted(database),
        quoted(password)
    )
}
