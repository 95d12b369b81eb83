use allocator_api2::boxed::Box;

use super::*;

#[test]
fn every_size_fits_its_class() {
    if !RECYCLES {
        return;
    }
    let unaligned = (1..=LARGEST).map(|size| (size, 8));
    let aligned = (1..=MOST_LINES * LINE).flat_map(|size| [(size, 32), (size, 64)]);
    for (size, align) in unaligned.chain(aligned) {
        let class = class_of(Layout::from_size_align(size, align).unwrap()).unwrap();
        let layout = layout_of(class);
        assert!(layout.align() >= align, "{align} in class {class}");
        assert!(layout.size() >= size, "{size} in class {class}");
        if class != 0 && class != LINES {
            assert!(
                layout_of(class - 1).size() < size,
                "{size} in class {class}"
            );
        }
    }
}

#[test]
fn a_batch_ends_where_the_bin_goes_on() {
    const CLASS: usize = LINES - 1;
    const SIZE: usize = layout_of(CLASS).size();
    let take = |count| -> Vec<Box<[u8; SIZE], Recycling>> {
        (0..count)
            .map(|_| Box::new_in([0; SIZE], Recycling))
            .collect()
    };

    // One more than a thread keeps, so that a batch goes to the depot.
    let count = KEPT_PER_CLASS / SIZE + 1;
    drop(take(count));
    // Another thread takes the batch, and then some.
    let theirs = std::thread::spawn(move || take(batch_of(CLASS) + 1));
    let theirs = theirs.join().unwrap();
    let ours = take(count - batch_of(CLASS));
    for block in &ours {
        let shared = theirs.iter().any(|their| their.as_ptr() == block.as_ptr());
        assert!(!shared, "a block with two owners");
    }
}

/// One thread takes, another gives back: what circulates is a few batches, though each keeps
/// more.
#[test]
fn what_another_thread_wants_is_passed_on() {
    const CLASS: usize = 14;
    const ROUNDS: usize = 150;
    const SIZE: usize = layout_of(CLASS).size();
    if !RECYCLES {
        return;
    }
    const { assert!(ROUNDS < KEPT_PER_CLASS / SIZE && ROUNDS > 5 * batch_of(CLASS)) };
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Box<[u8; SIZE], Recycling>>(0);
    let gives_back = std::thread::spawn(move || receiver.into_iter().for_each(drop));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..ROUNDS {
        let block = Box::new_in([0; SIZE], Recycling);
        seen.insert(block.as_ptr().addr());
        sender.send(block).unwrap();
    }
    drop(sender);
    gives_back.join().unwrap();
    assert!(seen.len() <= 4 * batch_of(CLASS), "{}", seen.len());
}

#[test]
fn large_and_overaligned_requests_bypass_the_bins() {
    for (size, align) in [(0, 1), (LARGEST + 1, 8), (257, 32), (64, 128), (64, 4096)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        assert_eq!(class_of(layout), None);
        let block = Recycling.allocate(layout).unwrap();
        assert!(block.cast::<u8>().addr().get() % align == 0);
        // SAFETY: allocated with this layout on the line above.
        unsafe { Recycling.deallocate(block.cast(), layout) };
    }
}

#[test]
fn a_freed_block_is_handed_out_again() {
    let layout = Layout::new::<[u64; 20]>();
    let first = Recycling.allocate(layout).unwrap().cast::<u8>();
    // SAFETY: allocated with this layout on the line above.
    unsafe { Recycling.deallocate(first, layout) };
    let second = Recycling.allocate(layout).unwrap().cast::<u8>();
    assert_eq!(first == second, RECYCLES);
    // SAFETY: allocated with this layout above.
    unsafe { Recycling.deallocate(second, layout) };
}

/// Under an interpreter that checks provenance, this fails if the block is
/// no more to the next owner than the part that came back.
#[test]
fn a_block_that_comes_back_as_part_of_it_is_handed_out_whole() {
    let leaked = Box::leak(Box::new_in([1_u8; 33], Recycling));
    let layout = Layout::for_value(leaked);
    // SAFETY: leaked on the line above, and allocated with this layout.
    unsafe { Recycling.deallocate(NonNull::from(leaked).cast(), layout) };
    drop(Box::new_in([2_u8; 64], Recycling));
    Recycling::trim();
}

#[test]
fn works_from_another_thread_locals_destructor() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            let layout = Layout::new::<[u64; 4]>();
            let block = Recycling.allocate(layout).unwrap().cast::<u8>();
            // SAFETY: allocated with this layout on the line above.
            unsafe { Recycling.deallocate(block, layout) };
        }
    }
    thread_local!(static LATE: Late = const { Late });
    std::thread::spawn(|| {
        // Registered before the janitor, so destroyed after it.
        LATE.with(|_| ());
        let layout = Layout::new::<[u64; 4]>();
        let block = Recycling.allocate(layout).unwrap().cast::<u8>();
        // SAFETY: allocated with this layout on the line above.
        unsafe { Recycling.deallocate(block, layout) };
    })
    .join()
    .unwrap();
}
