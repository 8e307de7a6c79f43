#![expect(unsafe_code, reason="x")]
use std::sync::atomic::{AtomicI64, Ordering::Relaxed}; use std::alloc::*;
struct A; static H: [AtomicI64; 4097] = [const { AtomicI64::new(0) }; 4097];
unsafe impl GlobalAlloc for A { unsafe fn alloc(&self,l:Layout)->*mut u8{H[(l.size()/16).min(4096)].fetch_add(1,Relaxed); unsafe{System.alloc(l)}} unsafe fn dealloc(&self,p:*mut u8,l:Layout){H[(l.size()/16).min(4096)].fetch_sub(1,Relaxed); unsafe{System.dealloc(p,l)}} }
#[global_allocator] static G: A = A;
use std::sync::Arc; use std::time::Duration;
use tenon_egress::*; use tenon_exec::ports::egress::*;
fn rss() -> u64 { std::fs::read_to_string("/proc/self/status").unwrap_or_default().lines().find(|l| l.starts_with("VmRSS")).and_then(|l| l.split_whitespace().nth(1)).and_then(|v| v.parse().ok()).unwrap_or(0) }
#[tokio::main]
async fn main() {
    let url: url::Url = std::env::args().nth(1).expect("url").parse().expect("url");
    let e = Arc::new(HttpEgress::new(EgressSettings { allowed_networks: vec!["127.0.0.0/8".parse().expect("net")], ..Default::default() }).expect("tls"));
    let before = rss();
    let mut v = vec![];
    for _ in 0..10_000 { let (e, url) = (e.clone(), url.clone()); v.push(tokio::spawn(async move {
        e.send(OutboundRequest { method: http::Method::GET, url, headers: Default::default(), body: Default::default(), timeout: Duration::from_secs(60), response_bytes_max: 1<<20 }).await })); 
        if v.len() % 200 == 0 { tokio::time::sleep(Duration::from_millis(30)).await; } }
    tokio::time::sleep(Duration::from_secs(4)).await;
    println!("rss before {before} kB, with 10000 in flight {} kB", rss());
    for (i,h) in H.iter().enumerate() { let n=h.load(Relaxed); if n*(i as i64)*16 > 2_000_000 { println!("{:>7} B x {n} = {} kB", i*16, n*(i as i64)*16/1024); } }
    let mut ok = 0; let mut err = None; for c in v { match c.await.expect("join") { Ok(_) => ok += 1, Err(x) => err = Some(x) } }
    println!("ok {ok} {err:?}");
}
