//! Everything that a Redis server is told and everything that it holds, in files.

use std::fs::File;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use tenon_testkit::redis_server::RedisServer;

/// A record under way: commands come and go, this keeps each of them with all its arguments.
pub struct RedisRecord {
    stream: UnixStream,
    writer: JoinHandle<u64>,
    commands: PathBuf,
}

impl RedisRecord {
    /// Begins to write each command into `commands`.
    pub fn start(server: &RedisServer, commands: PathBuf) -> Self {
        let socket = socket(server);
        let mut stream = UnixStream::connect(&socket).expect("the server listens");
        stream.write_all(b"*1\r\n$7\r\nMONITOR\r\n").expect("it takes a command");
        let mut told = stream.try_clone().expect("a socket can be shared");
        let mut file = File::create(&commands).expect("a file can be made");
        let writer = std::thread::spawn(move || {
            std::io::copy(&mut told, &mut file).expect("the disk has room")
        });
        Self { stream, writer, commands }
    }

    /// Ends the record, and has the server write down what it holds, as it is. Answers both files.
    pub fn finish(self, server: &RedisServer) -> [PathBuf; 2] {
        server.command(&["CONFIG", "SET", "rdbcompression", "no"]).expect("it is a known setting");
        server.command(&["SAVE"]).expect("the disk has room");
        self.stream.shutdown(Shutdown::Both).expect("it is open");
        let bytes = self.writer.join().expect("it does not panic");
        assert!(bytes > 0, "the server was told nothing");
        let folder = socket(server).parent().map(Path::to_owned).expect("it is in a folder");
        [self.commands, folder.join("dump.rdb")]
    }
}

fn socket(server: &RedisServer) -> PathBuf {
    let url = server.url();
    PathBuf::from(url.strip_prefix("redis+unix://").expect("a server alone has a socket"))
}
