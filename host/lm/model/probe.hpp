// The start-up probe: which route multiplies float32 matrices fastest on this machine without
// losing accuracy (docs/performance.md, section 2).  It measures and answers; only cli switches,
// through set_fp32_route.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace samara::host {

/// How LibTorch multiplies float32 matrices on the CPU.  Both may differ in the last bits, so a run
/// records its route and a resumed run applies the recorded one.
enum class Fp32Route {
    stock,   ///< the BLAS that LibTorch was built with
    onednn,  ///< oneDNN with bf16 allowed: full float32 accuracy without AMX, not with it; hence
             ///< the probe
};

/// "stock" | "onednn".
const char* name_of(Fp32Route route);
std::optional<Fp32Route> parse_fp32_route(const std::string& name);

struct Fp32Probe {
    Fp32Route choice = Fp32Route::stock;
    double stock_gflops = 0,
           onednn_gflops = 0;  ///< forward and both backward products, 1e9 operations a second
    double stock_error = 0, onednn_error = 0;  ///< max|a - b| / max|b| against float64
    double seconds = 0;                        ///< that the probe took
};

/// Measures both routes at the shapes of the model in `folder` with LibTorch's current number of
/// threads; under one second.  Takes oneDNN only if it is faster and its error is below 5e-6.
/// Leaves the route as it was. Threads  touches a process global while it runs: call it before any
/// other work.  Errors: config, io
Fp32Probe probe_fp32_route(const std::string& folder);

/// Switches the process.  Called by cli alone.
void set_fp32_route(Fp32Route route);
Fp32Route current_fp32_route();

}  // namespace samara::host
