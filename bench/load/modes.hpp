#pragma once
// Runs one mode from start to end on the calling thread. A function; its arguments must outlive the call.

#include <load/measurement.hpp>
#include <load/options.hpp>

namespace sallyport::load {

/// Counts operations and failed sessions in `out`. An error means that nothing could be measured. Mode hold calls
/// `until_released` while its sessions are open.
[[nodiscard]] result<void> run(const options& wanted, measurement& out, void (*until_released)(measurement&));

}  // namespace sallyport::load
