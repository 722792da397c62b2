//! Real servers that bundles are published at, each in a folder of its own, and a fleet of one.
#![expect(unreachable_pub, reason = "a part of one test program")]

use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use crate::common::Folder;
use crate::common::Sidecar;
use crate::common::Upstream;
use crate::common::key;

/// Waits for something; how long it may take is for a machine that does other things too.
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Is this program here? Without it its tests cannot say anything, and say so.
pub fn have(program: &str) -> bool {
    let folders = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = folders.split(':').any(|folder| Path::new(folder).join(program).exists());
    if !found {
        eprintln!("SKIPPED: there is no `{program}` on this machine (CI installs it)");
    }
    found
}

/// A port that is free now.
pub fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server's process, and its folder.
pub struct Server {
    pub folder: TempDir,
    pub port: u16,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    fn start(folder: TempDir, port: u16, command: &mut Command) -> Self {
        let log = std::fs::File::create(folder.path().join("out.log")).unwrap();
        let child = command
            .current_dir(folder.path())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        let mut server = Self { folder, port, child };
        wait("the start of a server", || {
            if server.child.try_wait().unwrap().is_some() {
                panic!("it ended: {}", server.log("out.log"));
            }
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        server
    }

    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// The same server again, where it was.
    pub fn stop(mut self) -> TempDir {
        drop(self.child.kill());
        drop(self.child.wait());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// nginx, with these `server` blocks; its own folder is `DIR` in them.
    pub fn nginx(folder: TempDir, port: u16, servers: &str) -> Self {
        let dir = folder.path().display().to_string();
        let temp = |name: &str| format!("{name}_temp_path {dir}/{name};\n");
        let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(temp).concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log {dir}/error.log;\nevents {{}}\nhttp {{\n{temps}\
             log_format told '$request_method $uri $status $http_authorization';\naccess_log {dir}/access.log told;\n\
             client_max_body_size 64m;\n{}\n}}\n",
            servers.replace("DIR", &dir)
        );
        std::fs::create_dir_all(folder.path().join("www")).unwrap();
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let conf = folder.path().join("nginx.conf");
        let error_log = folder.path().join("error.log");
        Self::start(folder, port, Command::new("nginx").arg("-e").arg(error_log).arg("-c").arg(conf))
    }

    /// OpenStack Swift with its S3 interface and a bucket `policies`.
    pub fn store() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), port());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundles/store.py");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(folder.path()).arg(port.to_string()).arg("policies");
        let server = Self::start(folder, port, &mut command);
        wait("the bucket", || server.log("out.log").contains("ready").then_some(()));
        server
    }

    /// The registry of the Distribution project, which asks for the user `ci` with the password `pw`.
    pub fn registry() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), port());
        let dir = folder.path().display().to_string();
        // bcrypt of `pw`, at the lowest cost.
        std::fs::write(
            folder.path().join("htpasswd"),
            "ci:$2b$04$.SwOMdcaqUyL2CwdZA0dreBaWEjcv0eVVrkW2dmLaG6eIIJgWt9Py\n",
        )
        .unwrap();
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {dir}/store}}\nhttp:\n  addr: 127.0.0.1:{port}\n  \
             secret: x\nauth:\n  htpasswd: {{realm: test, path: {dir}/htpasswd}}\n"
        );
        std::fs::write(folder.path().join("config.yml"), config).unwrap();
        Self::start(folder, port, Command::new("docker-registry").args(["serve", "config.yml"]))
    }
}

/// Where bundles are made, and a sidecar that takes them.
pub struct Fleet {
    pub author: Folder,
    pub sidecar: Folder,
}

pub const DENY: &str = "@id(\"nobody\") permit (principal in Role::\"nobody\", action, resource);\n";

impl Fleet {
    pub fn new(upstream: &Upstream) -> Self {
        let (author, sidecar) = (Folder::new(upstream.address), Folder::new(upstream.address));
        let fleet = Self { author, sidecar };
        assert!(fleet.palisade(&["bundle", "keygen", "k"]).status.success());
        fleet
    }

    /// Runs `palisade` where bundles are made.
    pub fn palisade(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_palisade"))
            .args(arguments)
            .current_dir(self.author.0.path())
            .output()
            .unwrap()
    }

    /// Runs it, and it must do what it should.
    pub fn does(&self, arguments: &[&str]) -> String {
        let output = self.palisade(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Builds a bundle of this version with these policies.
    pub fn build(&self, version: u64, policies: &str) -> PathBuf {
        // Each of another length: nginx tells contents apart by time and length, and a test is quicker than a second.
        let differs: String = (0..version * 7).map(|n| format!("{} ", n * n % 101)).collect();
        self.author.write("policies/main.cedar", &format!("// {differs}\n{policies}"));
        let version = version.to_string();
        self.does(&[
            "bundle",
            "build",
            "--name",
            "clinic",
            "--version",
            &version,
            "--key",
            "k.key",
            "b.tar.gz",
        ]);
        self.author.path("b.tar.gz")
    }

    /// What the sidecar's configuration says of bundles.
    pub fn takes(&self, bundle: &str) {
        let config = self.author.read("palisade.yaml");
        let files = [
            "policies: {directory: policies}\n",
            "model: {tenants: tenants.yaml, classes: classes.yaml, routes: [routes.yaml]}\n",
        ];
        let config = files.iter().fold(config, |config, line| {
            assert!(config.contains(line), "{config}");
            config.replace(line, "")
        });
        let public = self.author.path("k.pub").display().to_string();
        let bundle = format!(
            "bundle: {{name: clinic, public_keys: [{public}], poll: 100ms, timeout: 5s, {bundle}}}\n"
        );
        self.sidecar.write("palisade.yaml", &(config + &bundle));
    }
}

/// What a client is answered.
pub fn status(sidecar: &Sidecar) -> u16 {
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status
}

/// Waits until `/readyz?verbose` says this.
pub fn told(sidecar: &Sidecar, text: &str) {
    let mut last = String::new();
    let end = Instant::now() + Duration::from_secs(30);
    while !last.contains(text) {
        assert!(Instant::now() < end, "`{text}` is not told: {last}");
        std::thread::sleep(Duration::from_millis(10));
        last = sidecar.admin("/readyz?verbose").text();
    }
}
