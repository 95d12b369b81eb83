//! Nothing: the examples of `runtime/examples` that have dependencies of their own are built
//! here, so that the package of the runtime does not have those.
