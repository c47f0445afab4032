#pragma once
// Runs one mode from start to end on the calling thread.

#include <load/measurement.hpp>
#include <load/options.hpp>

namespace sallyport::load {

/// Counts into `out`; failures of single sessions are counted there too. An error of its own means that nothing could be
/// measured. Mode hold returns with its sessions open, and `until_released` is called before they are let go.
[[nodiscard]] result<void> run(const options& wanted, measurement& out, void (*until_released)(measurement&));

}  // namespace sallyport::load
