#pragma once
// From a failure to the reply that says it: the one table behind every 4xx and 5xx that has an `error` as its cause
// (threats section 1). Replies to misuse of the protocol itself (503, 501, 504 ...) stand where the rule stands. Pure.

#include <sallyport/base/error.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// How far the data connection had come when the failure happened.
enum class data_stage : bool { not_connected, connected };

/// The text names the thing and the cause, for a person. `what` is the command that failed: where a name can't be created
/// the code differs from where it can't be read.
[[nodiscard]] local_reply reply_for(const error& cause, verb command, data_stage stage = data_stage::not_connected);

}  // namespace sallyport::proto
