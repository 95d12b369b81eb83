//! Nothing: the benchmarks of `runtime/benches` are built here, so that the package of the
//! runtime does not have their dependencies.
