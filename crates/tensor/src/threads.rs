//! How many threads are worth having.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

/// The physical cores that this process may use.
///
/// At most what [`thread::available_parallelism`] says, which knows affinity and the quota of the
/// cgroup but counts hardware threads; two of those on one core share its FMA units, and a matrix
/// product gains nothing from the second. Where the system does not tell, hardware threads.
pub(crate) fn physical_cores() -> usize {
    let logical = thread::available_parallelism().map_or(1, usize::from);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cores = allowed_cpus(&status)
        .and_then(|cpus| count_cores(&cpus, Path::new("/sys/devices/system/cpu")));
    cores.map_or(logical, |cores| cores.clamp(1, logical))
}

/// The CPUs in `Cpus_allowed_list` of `/proc/self/status`.
fn allowed_cpus(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    parse_list(list.trim())
}

/// `0-3,8` as 0, 1, 2, 3, 8: `cpuset(7)`, list format.
fn parse_list(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cpus)
}

/// How many cores `cpus` are the hardware threads of.
fn count_cores(cpus: &[usize], sysfs: &Path) -> Option<usize> {
    let siblings = cpus.iter().map(|cpu| {
        std::fs::read_to_string(sysfs.join(format!("cpu{cpu}/topology/thread_siblings_list"))).ok()
    });
    let cores: BTreeSet<String> = siblings.collect::<Option<_>>()?;
    Some(cores.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus() {
        let cases: &[(&str, Option<&[usize]>)] = &[
            ("0", Some(&[0])),
            ("0-3", Some(&[0, 1, 2, 3])),
            ("0,2-3,7", Some(&[0, 2, 3, 7])),
            ("", None),
            ("a-b", None),
        ];
        for (list, cpus) in cases {
            assert_eq!(parse_list(list).as_deref(), *cpus, "{list}");
        }
        assert_eq!(allowed_cpus("Name:\tx\nCpus_allowed_list:\t1,3\n"), Some(vec![1, 3]));
        assert_eq!(allowed_cpus("Name:\tx\n"), None);
    }

    #[test]
    fn two_hardware_threads_are_one_core() {
        let sysfs = std::env::temp_dir().join(format!("gpt2-tensor-sysfs-{}", std::process::id()));
        for (cpu, siblings) in [(0, "0,2\n"), (1, "1,3\n"), (2, "0,2\n"), (3, "1,3\n")] {
            let topology = sysfs.join(format!("cpu{cpu}/topology"));
            std::fs::create_dir_all(&topology).expect("a directory");
            std::fs::write(topology.join("thread_siblings_list"), siblings).expect("a file");
        }
        assert_eq!(count_cores(&[0, 1, 2, 3], &sysfs), Some(2));
        assert_eq!(count_cores(&[0, 2], &sysfs), Some(1));
        assert_eq!(count_cores(&[0, 9], &sysfs), None);
        std::fs::remove_dir_all(&sysfs).expect("the directory");
    }

    #[test]
    fn there_is_a_core() {
        assert!(physical_cores() >= 1);
    }
}
