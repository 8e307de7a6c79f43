//! The memory of a JavaScript runtime: bounded, and able to go back to an earlier moment.
//!
//! Making a runtime with all its built-in objects costs more than most calls. So one is made
//! once, its memory is kept as a picture ([`Heap::take_picture`]), and before each call the
//! picture is laid over the memory again ([`Heap::restore`]). Whatever a call did, also what it
//! broke, is gone, byte for byte. That works because everything the engine remembers lies in
//! this memory, at the same addresses: a runtime is built within one region, and only what calls
//! ask for beyond it comes from the global allocator and is given back.
//!
//! What the heap cannot see is what Rust keeps for the engine's objects, such as native
//! functions. Whoever takes a picture keeps those alive; see `Vm::furnish`.
//!
//! The engine cuts small objects out of larger pieces itself, so there is no need for size
//! classes here. It is not for threads.
#![expect(unsafe_code, reason = "an allocator hands out raw memory; see each block")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, null_mut};
use std::rc::Rc;

use rquickjs::allocator::Allocator;

/// Bytes before each block; see [`Header`].
const HEADER: usize = 16;
const ALIGN: usize = 16;
/// Where a runtime is built and where the first bytes of each call come from. Untouched pages
/// cost nothing.
const REGION: usize = 1 << 20;
/// The index of blocks that lie in the region.
const IN_REGION: usize = usize::MAX;

/// What stands before each block.
#[repr(C)]
struct Header {
    /// Bytes of the block, without the header.
    size: usize,
    /// Where the block is listed in [`Memory::large`], or [`IN_REGION`].
    index: usize,
}

/// A heap, shared between the engine that allocates and the owner that restores.
#[derive(Clone)]
pub struct Heap(Rc<RefCell<Memory>>);

struct Memory {
    region: NonNull<u8>,
    /// Where the region is free from.
    next: usize,
    /// The first bytes of the region as they were when the picture was taken.
    picture: Vec<u8>,
    /// Blocks outside the region, each starting with its header.
    large: Vec<NonNull<Header>>,
    /// Bytes of the large blocks.
    taken: usize,
    limit: usize,
    is_exhausted: Rc<Cell<bool>>,
}

const REGION_LAYOUT: Layout = match Layout::from_size_align(REGION, ALIGN) {
    Ok(layout) => layout,
    Err(_) => panic!("the layout of the region is valid"),
};

impl Heap {
    /// A heap that holds at most `limit` bytes and raises `is_exhausted` when it had to refuse.
    /// `None` when the system has no memory.
    pub fn new(limit: usize, is_exhausted: Rc<Cell<bool>>) -> Option<Self> {
        // SAFETY: the layout has a size above zero.
        let region = NonNull::new(unsafe { alloc_zeroed(REGION_LAYOUT) })?;
        let limit = limit.saturating_sub(REGION);
        let (picture, large) = (Vec::new(), Vec::new());
        let memory = Memory { region, next: 0, picture, large, taken: 0, limit, is_exhausted };
        Some(Self(Rc::new(RefCell::new(memory))))
    }

    /// Remembers the memory as it is. `false` when it has outgrown the region.
    ///
    /// No engine code may be running.
    pub fn take_picture(&self) -> bool {
        let mut memory = self.0.borrow_mut();
        if !memory.large.is_empty() {
            return false;
        }
        // SAFETY: the region has `next` bytes in use, all of them initialised: it was zeroed.
        let used = unsafe { std::slice::from_raw_parts(memory.region.as_ptr(), memory.next) };
        memory.picture = used.to_vec();
        true
    }

    /// Goes back to the picture. Every block handed out since is gone.
    ///
    /// # Safety
    /// No engine code is running, and no handle to anything the engine made since the picture is
    /// used again.
    pub unsafe fn restore(&self) {
        let mut memory = self.0.borrow_mut();
        while let Some(block) = memory.large.pop() {
            // SAFETY: listed blocks are live and were allocated with the layout of their size.
            unsafe { dealloc(block.as_ptr().cast(), layout_of(block.as_ref().size)) };
        }
        memory.taken = 0;
        memory.next = memory.picture.len();
        memory.is_exhausted.set(false);
        // SAFETY: the picture is no longer than the region, and they do not overlap.
        unsafe {
            let (from, len) = (memory.picture.as_ptr(), memory.picture.len());
            memory.region.as_ptr().copy_from_nonoverlapping(from, len);
        }
    }
}

/// The layout of a large block with its header. Sizes that are too large were refused before.
fn layout_of(size: usize) -> Layout {
    Layout::from_size_align(size + HEADER, ALIGN).expect("the size passed the limit")
}

/// The header of a block.
///
/// # Safety
/// `block` came from a [`Memory`] and is live.
unsafe fn header_of(block: *mut u8) -> *mut Header {
    // SAFETY: every block has a header before it.
    unsafe { block.sub(HEADER).cast() }
}

impl Memory {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        let Some(size) = size.max(1).checked_next_multiple_of(ALIGN) else { return null_mut() };
        if size.saturating_add(HEADER) > REGION - self.next {
            return self.alloc_large(size);
        }
        // SAFETY: the region has room for the header and the block from `next` on, and `next` is
        // a multiple of the alignment.
        unsafe {
            let header = self.region.as_ptr().add(self.next);
            header.cast::<Header>().write(Header { size, index: IN_REGION });
            self.next += HEADER + size;
            header.add(HEADER)
        }
    }

    fn alloc_large(&mut self, size: usize) -> *mut u8 {
        if !self.take(size.saturating_add(HEADER)) {
            return null_mut();
        }
        // SAFETY: the layout has a size above zero.
        let base = unsafe { alloc(layout_of(size)) };
        let Some(header) = NonNull::new(base.cast::<Header>()) else {
            self.taken -= size + HEADER;
            self.is_exhausted.set(true);
            return null_mut();
        };
        // SAFETY: the allocation holds the header and the block.
        unsafe {
            header.write(Header { size, index: self.large.len() });
            self.large.push(header);
            base.add(HEADER)
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

    /// # Safety
    /// `block` is a live block of this memory.
    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: the caller hands in a live block.
        let Header { size, index } = unsafe { header_of(block).read() };
        // What lies in the region waits for the next restore.
        if index == IN_REGION {
            return;
        }
        let removed = self.large.swap_remove(index);
        if let Some(mut moved) = self.large.get(index).copied() {
            // SAFETY: listed blocks are live.
            unsafe { moved.as_mut().index = index };
        }
        self.taken -= size + HEADER;
        // SAFETY: allocated with the layout of this size, and no longer listed.
        unsafe { dealloc(removed.as_ptr().cast(), layout_of(size)) };
    }

    /// # Safety
    /// `block` is a live block of this memory.
    unsafe fn realloc(&mut self, block: *mut u8, new_size: usize) -> *mut u8 {
        // SAFETY: the caller hands in a live block.
        let Header { size, index } = unsafe { header_of(block).read() };
        if index != IN_REGION {
            // SAFETY: as above, and the block is listed.
            return unsafe { self.realloc_large(index, size, new_size) };
        }
        if new_size <= size {
            return block;
        }
        let moved = self.alloc(new_size);
        if !moved.is_null() {
            // SAFETY: both blocks are live and distinct, and both hold `size` bytes.
            unsafe { moved.copy_from_nonoverlapping(block, size) };
        }
        moved
    }

    /// # Safety
    /// The block is listed at `index` and has `size` bytes.
    unsafe fn realloc_large(&mut self, index: usize, size: usize, new_size: usize) -> *mut u8 {
        let Some(new_size) = new_size.max(1).checked_next_multiple_of(ALIGN) else {
            return null_mut();
        };
        if new_size > size && !self.take(new_size - size) {
            return null_mut();
        }
        let old = self.large[index].as_ptr();
        // SAFETY: allocated with the layout of `size`; the new size passed the limit.
        let base = unsafe { realloc(old.cast(), layout_of(size), new_size + HEADER) };
        let Some(header) = NonNull::new(base.cast::<Header>()) else {
            self.taken -= new_size.saturating_sub(size);
            self.is_exhausted.set(true);
            return null_mut();
        };
        self.taken -= size.saturating_sub(new_size);
        self.large[index] = header;
        // SAFETY: the allocation holds the header and the block.
        unsafe {
            header.write(Header { size: new_size, index });
            base.add(HEADER)
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for block in &self.large {
            // SAFETY: listed blocks are live and were allocated with the layout of their size.
            unsafe { dealloc(block.as_ptr().cast(), layout_of(block.as_ref().size)) };
        }
        // SAFETY: allocated in `Heap::new` with this layout, and freed only here.
        unsafe { dealloc(self.region.as_ptr(), REGION_LAYOUT) };
    }
}

// SAFETY: blocks are aligned to 16, have at least the asked size, and never overlap: a block is
// cut from the region once between two restores, or is an allocation of its own. Refusal is a
// null pointer.
unsafe impl Allocator for Heap {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        self.0.borrow_mut().alloc(size)
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

    unsafe fn dealloc(&mut self, block: *mut u8) {
        // SAFETY: the engine frees only live blocks of its own heap.
        unsafe { self.0.borrow_mut().dealloc(block) }
    }

    unsafe fn realloc(&mut self, block: *mut u8, new_size: usize) -> *mut u8 {
        if block.is_null() {
            return self.alloc(new_size);
        }
        // SAFETY: the engine moves only live blocks of its own heap.
        unsafe { self.0.borrow_mut().realloc(block, new_size) }
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        // SAFETY: the engine asks only about live blocks of its own heap.
        unsafe { (*header_of(block)).size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(limit: usize) -> (Heap, Rc<Cell<bool>>) {
        let flag = Rc::new(Cell::new(false));
        (Heap::new(limit, Rc::clone(&flag)).expect("the system has memory"), flag)
    }

    #[test]
    fn blocks_keep_their_bytes_through_frees_and_moves() {
        let (mut heap, _) = heap(64 << 20);
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
            let size = random % 9_000;
            let other = (state >> 40) as usize % 12_000;
            let block = heap.alloc(size);
            assert!(!block.is_null() && (block as usize).is_multiple_of(ALIGN));
            // SAFETY: as many bytes as were asked for are written and kept.
            unsafe {
                block.write_bytes(mark, size);
                let block = heap.realloc(block, other);
                assert!((0..size.min(other)).all(|at| *block.add(at) == mark), "lost in a move");
                assert!(Heap::usable_size(block) >= other);
                block.write_bytes(mark, other);
                live.push((block, other, mark));
            }
        }
        for (block, _, _) in live {
            // SAFETY: each is freed once.
            unsafe { heap.dealloc(block) };
        }
        assert_eq!(heap.0.borrow().taken, 0, "large blocks were given back");
    }

    #[test]
    fn a_heap_refuses_what_is_beyond_its_limit_and_says_so() {
        let (mut heap, flag) = heap(REGION + 10_000);
        assert!(!heap.alloc(REGION / 2).is_null());
        assert!(!heap.alloc(REGION / 2 - 100).is_null());
        assert!(!heap.alloc(9_000).is_null());
        assert!(!flag.get());
        assert!(heap.alloc(2_000).is_null());
        assert!(flag.get());
        assert!(heap.calloc(usize::MAX, 2).is_null());
        assert!(heap.alloc(usize::MAX - 8).is_null());
    }

    #[test]
    fn a_restore_undoes_every_write_and_frees_what_came_after() {
        let (mut heap, flag) = heap(4 << 20);
        let before = heap.alloc(1_000);
        // SAFETY: the block has that many bytes, and none from after the picture is used later.
        unsafe {
            before.write_bytes(7, 1_000);
            assert!(heap.take_picture());
            let after = heap.alloc(2_000);
            before.write_bytes(8, 1_000);
            heap.dealloc(before);
            assert!(!heap.alloc(2 << 20).is_null());
            assert!(heap.alloc(2 << 20).is_null() && flag.get());
            heap.restore();
            assert!((0..1_000).all(|at| *before.add(at) == 7));
            assert_eq!(heap.alloc(2_000), after, "the same memory serves the next call");
        }
        assert!(!flag.get());
        assert_eq!(heap.0.borrow().taken, 0);
    }

    #[test]
    fn no_picture_is_taken_of_what_has_outgrown_the_region() {
        let (mut heap, _) = heap(4 << 20);
        assert!(!heap.alloc(REGION).is_null());
        assert!(!heap.take_picture());
    }
}
