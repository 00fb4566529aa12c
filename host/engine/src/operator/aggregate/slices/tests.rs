use proptest::prelude::*;

use super::*;
use crate::time::watermark::is_late;

proptest! {
    #[test]
    fn windows_that_are_due_are_those_of_the_rows(
        times in prop::collection::btree_set(-300i64..300, 0..12),
        (size, slide) in (1i64..60).prop_flat_map(|size| (Just(size), 1..=size)),
        late in prop::option::of(-400i64..400), close in prop::option::of(-400i64..400),
    ) {
        let spec = WindowSpec::new(size, slide, 3).unwrap();
        let mut partition = Partition::default();
        for t in &times {
            partition.put(spec.slice_start(*t), b"k", b"");
        }
        let mut want: Vec<i64> = times.iter().flat_map(|t| spec.starts(*t)).collect();
        want.retain(|s| !is_late(s + size, late) && close.is_none_or(|c| s + size <= c));
        want.sort_unstable();
        want.dedup();
        prop_assert_eq!(due(&partition, &spec, late, close), want);
    }

    #[test]
    fn a_slice_is_in_the_windows_that_have_its_index(t in -2000i64..2000, size in 1i64..300, slide in 1i64..300) {
        let spec = WindowSpec::new(size.max(slide), slide, 7).unwrap();
        let index = spec.slice_index(spec.slice_start(t));
        prop_assert_eq!(index, spec.slice_index(t));
        for start in (-20..20).map(|k| spec.last_start(t) + k * slide) {
            let has = (start..start + spec.size()).contains(&t);
            let range = spec.slice_index(start)..spec.slice_index(start + spec.size());
            prop_assert_eq!(range.contains(&index), has);
        }
    }
}
