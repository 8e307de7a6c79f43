//! Tries, from inside, what the lock-down must refuse. Only a test asks for it.
//!
//! The calls are made directly, as code that took over the process would make them: a library's
//! own checks in between would prove nothing.
#![expect(unsafe_code, reason = "system calls as an intruder would make them")]

use std::ptr::null;

use serde_json::{Map, json};

/// One attempt: its name and the raw result of the call.
type Attempt = (&'static str, fn() -> libc::c_long);

/// `{"open /etc/passwd": "refused: ...", ...}`; a value of `allowed` is a hole.
pub fn report() -> String {
    let mut found = Map::new();
    for (name, attempt) in ATTEMPTS {
        let result = attempt();
        let error = std::io::Error::last_os_error();
        let text = if result < 0 { format!("refused: {error}") } else { "allowed".to_owned() };
        found.insert((*name).to_owned(), json!(text));
    }
    json!(found).to_string()
}

// SAFETY of all of them: every pointer is null or to a constant text that ends with a zero byte,
// and every call is one the filter refuses before it does anything. Where the filter has a hole,
// the process may end, which the test that asked sees as well.
const ATTEMPTS: &[Attempt] = &[
    ("open /etc/passwd", || unsafe {
        libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/etc/passwd".as_ptr(), libc::O_RDONLY)
    }),
    ("create a file", || unsafe {
        let flags = libc::O_CREAT | libc::O_WRONLY;
        libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/tmp/tenon-probe".as_ptr(), flags, 0o600)
    }),
    ("list a directory", || unsafe {
        libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/".as_ptr(), libc::O_DIRECTORY)
    }),
    ("read a link", || unsafe {
        libc::syscall(
            libc::SYS_readlinkat,
            libc::AT_FDCWD,
            c"/proc/self/exe".as_ptr(),
            null::<u8>(),
            0,
        )
    }),
    ("internet socket", || unsafe {
        libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0)
    }),
    ("unix socket", || unsafe {
        libc::syscall(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0)
    }),
    ("connect", || unsafe { libc::syscall(libc::SYS_connect, 0, null::<u8>(), 0) }),
    ("fork", || unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) }),
    ("thread", || unsafe { libc::syscall(libc::SYS_clone3, null::<u8>(), 0) }),
    ("execute", || unsafe {
        libc::syscall(libc::SYS_execve, c"/bin/true".as_ptr(), null::<u8>(), null::<u8>())
    }),
    ("trace", || unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0) }),
    ("signal another process", || unsafe { libc::syscall(libc::SYS_kill, 1, 0) }),
    ("signal a thread of another process", || unsafe { libc::syscall(libc::SYS_tgkill, 1, 1, 0) }),
    ("read another process's memory", || unsafe {
        libc::syscall(libc::SYS_process_vm_readv, 1, null::<u8>(), 0, null::<u8>(), 0, 0)
    }),
    ("executable memory", || unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::syscall(libc::SYS_mmap, 0, 4_096, protection, flags, -1, 0)
    }),
    ("become root", || unsafe { libc::syscall(libc::SYS_setuid, 0) }),
    ("mount", || unsafe {
        libc::syscall(libc::SYS_mount, null::<u8>(), c"/".as_ptr(), null::<u8>(), 0, 0)
    }),
    ("raise a limit", || unsafe {
        libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, null::<u8>(), null::<u8>())
    }),
    ("new namespace", || unsafe { libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER) }),
    ("kernel programs", || unsafe { libc::syscall(libc::SYS_bpf, 0, null::<u8>(), 0) }),
    ("io_uring", || unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, null::<u8>()) }),
    ("control the terminal", || unsafe {
        libc::syscall(libc::SYS_ioctl, 0, 0x5412, c"x".as_ptr())
    }),
    ("shared memory", || unsafe { libc::syscall(libc::SYS_shmget, 0, 4_096, 0o1600) }),
    ("memory file", || unsafe { libc::syscall(libc::SYS_memfd_create, c"x".as_ptr(), 0) }),
];
