//! The memory of one JavaScript runtime: bounded, fast to allocate from, and reused.
//!
//! A fresh runtime makes and frees some thousand small objects, so allocation dominates its
//! cost. Small blocks come from chunks by size class and go back to a free list; large ones come
//! from the global allocator. Chunks return to a [`ChunkPool`] when the runtime is gone and serve
//! the next one. What is counted against the limit is what was taken from the system, so a heap
//! never holds more than its limit.
//!
//! It does not merge neighbouring free blocks, and it is not for threads.
#![expect(unsafe_code, reason = "an allocator hands out raw memory; see each block")]

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, null_mut};
use std::rc::Rc;

use rquickjs::allocator::Allocator;

/// Bytes before each block that hold its size: a multiple of the alignment.
const HEADER: usize = 16;
const ALIGN: usize = 16;
/// Blocks up to this size come from chunks, in steps of [`ALIGN`].
const SMALL_MAX: usize = 1_024;
const CLASSES: usize = SMALL_MAX / ALIGN;
/// Small blocks are cut from chunks of this size.
const CHUNK: usize = 256 << 10;
/// Chunks kept for the next runtime.
const KEPT_CHUNKS: usize = 8;

/// One chunk of [`CHUNK`] bytes.
struct Chunk(NonNull<u8>);

impl Chunk {
    const LAYOUT: Layout = match Layout::from_size_align(CHUNK, ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("the layout of a chunk is valid"),
    };

    fn new() -> Option<Self> {
        // SAFETY: the layout has a size above zero.
        NonNull::new(unsafe { alloc(Self::LAYOUT) }).map(Self)
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: made by `new` with this layout, and freed only here.
        unsafe { dealloc(self.0.as_ptr(), Self::LAYOUT) }
    }
}

/// Chunks between two runtimes.
#[derive(Clone, Default)]
pub struct ChunkPool(Rc<RefCell<Vec<Chunk>>>);

/// The allocator of one runtime.
pub struct Heap {
    pool: ChunkPool,
    chunks: Vec<Chunk>,
    /// Where the newest chunk is free from, and where it ends.
    next: *mut u8,
    end: *mut u8,
    /// Free blocks of each class, linked through their first word.
    free: [*mut u8; CLASSES],
    taken: usize,
    limit: usize,
    is_exhausted: Rc<Cell<bool>>,
}

impl Heap {
    /// A heap that takes at most `limit` bytes and raises `is_exhausted` when it had to refuse.
    pub fn new(pool: ChunkPool, limit: usize, is_exhausted: Rc<Cell<bool>>) -> Self {
        Self {
            pool,
            chunks: Vec::new(),
            next: null_mut(),
            end: null_mut(),
            free: [null_mut(); CLASSES],
            taken: 0,
            limit,
            is_exhausted,
        }
    }

    fn take(&mut self, size: usize) -> bool {
        match self.taken.checked_add(size) {
            Some(taken) if taken <= self.limit => {
                self.taken = taken;
                true
            }
            _ => {
                self.is_exhausted.set(true);
                false
            }
        }
    }

    /// A block of one class, its size already written.
    #[inline]
    fn alloc_small(&mut self, class: usize) -> *mut u8 {
        let head = self.free[class];
        if !head.is_null() {
            // SAFETY: a block in a free list is ours, holds at least a word, and its first word
            // was written by `dealloc`.
            self.free[class] = unsafe { head.cast::<*mut u8>().read() };
            return head;
        }
        let size = (class + 1) * ALIGN;
        let total = HEADER + size;
        if (self.end as usize) - (self.next as usize) < total && !self.add_chunk() {
            return null_mut();
        }
        // SAFETY: `next..end` lies in the newest chunk, has `total` bytes left and is aligned,
        // because chunks are and every total is a multiple of `ALIGN`.
        unsafe {
            self.next.cast::<usize>().write(size);
            let block = self.next.add(HEADER);
            self.next = self.next.add(total);
            block
        }
    }

    #[cold]
    fn add_chunk(&mut self) -> bool {
        if !self.take(CHUNK) {
            return false;
        }
        let pooled = self.pool.0.borrow_mut().pop();
        let Some(chunk) = pooled.or_else(Chunk::new) else {
            self.is_exhausted.set(true);
            return false;
        };
        self.next = chunk.0.as_ptr();
        // SAFETY: one past the end of the chunk.
        self.end = unsafe { self.next.add(CHUNK) };
        self.chunks.push(chunk);
        true
    }

    #[cold]
    fn alloc_large(&mut self, size: usize) -> *mut u8 {
        let Some(layout) = large_layout(size) else { return null_mut() };
        if !self.take(layout.size()) {
            return null_mut();
        }
        // SAFETY: the layout has a size above zero.
        let base = unsafe { alloc(layout) };
        if base.is_null() {
            self.taken -= layout.size();
            self.is_exhausted.set(true);
            return null_mut();
        }
        // SAFETY: the allocation holds the header and the block.
        unsafe {
            base.cast::<usize>().write(layout.size() - HEADER);
            base.add(HEADER)
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        let mut pool = self.pool.0.borrow_mut();
        while pool.len() < KEPT_CHUNKS
            && let Some(chunk) = self.chunks.pop()
        {
            pool.push(chunk);
        }
    }
}

fn large_layout(size: usize) -> Option<Layout> {
    let total = size.checked_next_multiple_of(ALIGN)?.checked_add(HEADER)?;
    Layout::from_size_align(total, ALIGN).ok()
}

/// The size written before a block.
///
/// # Safety
/// `block` came from a [`Heap`] and was not freed.
#[inline]
unsafe fn size_of_block(block: *mut u8) -> usize {
    // SAFETY: every block has its size in the header before it.
    unsafe { block.sub(HEADER).cast::<usize>().read() }
}

// SAFETY: blocks are aligned to 16, have at least the asked size, and never overlap: a block is
// either cut from a chunk once, taken from a free list it was put on when freed, or an allocation
// of its own. Refusal is a null pointer.
unsafe impl Allocator for Heap {
    #[inline]
    fn alloc(&mut self, size: usize) -> *mut u8 {
        if size <= SMALL_MAX {
            self.alloc_small(size.saturating_sub(1) / ALIGN)
        } else {
            self.alloc_large(size)
        }
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let Some(total) = count.checked_mul(size) else { return null_mut() };
        let block = self.alloc(total);
        if !block.is_null() {
            // SAFETY: the block has at least `total` bytes.
            unsafe { block.write_bytes(0, total) };
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: the caller hands back a live block of this heap.
        let size = unsafe { size_of_block(block) };
        if size <= SMALL_MAX {
            let class = size / ALIGN - 1;
            // SAFETY: the block holds at least 16 bytes and nobody uses it any more.
            unsafe { block.cast::<*mut u8>().write(self.free[class]) };
            self.free[class] = block;
        } else if let Some(layout) = large_layout(size) {
            self.taken -= layout.size();
            // SAFETY: allocated in `alloc_large` or `realloc` with the layout of this size.
            unsafe { dealloc(block.sub(HEADER), layout) };
        }
    }

    unsafe fn realloc(&mut self, block: *mut u8, new_size: usize) -> *mut u8 {
        // SAFETY: the caller hands in a live block of this heap.
        let size = unsafe { size_of_block(block) };
        if new_size <= size && (size <= SMALL_MAX || new_size > SMALL_MAX && new_size > size / 2) {
            return block;
        }
        if size > SMALL_MAX && new_size > SMALL_MAX {
            // SAFETY: as above, and both sizes are large.
            return unsafe { self.realloc_large(block, size, new_size) };
        }
        let moved = self.alloc(new_size);
        if !moved.is_null() {
            // SAFETY: both blocks are live, distinct, and hold the smaller of the two sizes.
            unsafe {
                moved.copy_from_nonoverlapping(block, size.min(new_size));
                self.dealloc(block);
            }
        }
        moved
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        // SAFETY: the caller hands in a live block of this heap.
        unsafe { size_of_block(block) }
    }
}

impl Heap {
    /// Moves a large block to another large size.
    ///
    /// # Safety
    /// `block` is a live block of this heap with `size` bytes; both sizes are above `SMALL_MAX`.
    unsafe fn realloc_large(&mut self, block: *mut u8, size: usize, new_size: usize) -> *mut u8 {
        let (Some(old), Some(new)) = (large_layout(size), large_layout(new_size)) else {
            return null_mut();
        };
        if new.size() > old.size() && !self.take(new.size() - old.size()) {
            return null_mut();
        }
        // SAFETY: the block was allocated with the old layout, and the new size is above zero.
        let base = unsafe { realloc(block.sub(HEADER), old, new.size()) };
        if base.is_null() {
            self.taken -= new.size().saturating_sub(old.size());
            self.is_exhausted.set(true);
            return null_mut();
        }
        self.taken -= old.size().saturating_sub(new.size());
        // SAFETY: the allocation holds the header and the block.
        unsafe {
            base.cast::<usize>().write(new.size() - HEADER);
            base.add(HEADER)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(limit: usize) -> (Heap, Rc<Cell<bool>>, ChunkPool) {
        let flag = Rc::new(Cell::new(false));
        let pool = ChunkPool::default();
        (Heap::new(pool.clone(), limit, Rc::clone(&flag)), flag, pool)
    }

    #[test]
    fn blocks_keep_their_bytes_through_frees_and_moves() {
        let (mut heap, _, _) = heap(16 << 20);
        let mut live: Vec<(*mut u8, usize, u8)> = Vec::new();
        let mut state = 12_345_u64;
        for round in 0..20_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let random = (state >> 33) as usize;
            let mark = (round % 251) as u8;
            if live.len() > 200 || (random.is_multiple_of(3) && !live.is_empty()) {
                let (block, size, mark) = live.swap_remove(random % live.len());
                // SAFETY: the block is live and has `size` bytes.
                unsafe {
                    assert!((0..size).all(|at| *block.add(at) == mark), "overwritten");
                    heap.dealloc(block);
                }
                continue;
            }
            let size = if random.is_multiple_of(17) { random % 9_000 } else { random % 300 };
            let grown = size + random % 2_000;
            let block = heap.alloc(size);
            assert!(!block.is_null() && (block as usize).is_multiple_of(ALIGN));
            // SAFETY: as many bytes as were asked for are written and kept.
            unsafe {
                block.write_bytes(mark, size);
                let block = heap.realloc(block, grown);
                assert!((0..size).all(|at| *block.add(at) == mark), "lost in a move");
                assert!(Heap::usable_size(block) >= grown);
                block.write_bytes(mark, grown);
                live.push((block, grown, mark));
            }
        }
        for (block, _, _) in live {
            // SAFETY: each is freed once.
            unsafe { heap.dealloc(block) };
        }
        assert_eq!(heap.taken, heap.chunks.len() * CHUNK, "large blocks were given back");
    }

    #[test]
    fn a_heap_refuses_what_is_beyond_its_limit_and_says_so() {
        let (mut heap, flag, _) = heap(CHUNK + 10_000);
        assert!(!heap.alloc(100).is_null());
        assert!(!flag.get());
        assert!(heap.alloc(11_000).is_null());
        assert!(flag.get());
        assert!(heap.calloc(usize::MAX, 2).is_null());
        assert!(heap.alloc(usize::MAX - 8).is_null());
    }

    #[test]
    fn chunks_serve_the_next_heap() {
        let (mut first, flag, pool) = heap(16 << 20);
        let block = first.alloc(64);
        drop(first);
        let mut second = Heap::new(pool, 16 << 20, flag);
        assert_eq!(second.alloc(64), block);
    }
}
