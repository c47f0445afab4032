#pragma once
// The FTP reply for an error: the one table from error codes to 4xx and 5xx replies (docs/threats.md, section 1).
//
// Replies to protocol mistakes (500, 501, 503, 504) are made where the rule is checked. A pure function; any thread.

#include <sallyport/base/error.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// Whether the data connection was established when the failure occurred.
enum class data_stage : bool { not_connected, connected };

/// The reply text names the object and the cause. `command` is the command that failed: a name that cannot be created has
/// another code than a name that cannot be read.
[[nodiscard]] local_reply reply_for(const error& cause, verb command, data_stage stage = data_stage::not_connected);

}  // namespace sallyport::proto
