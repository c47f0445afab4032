#pragma once
// Facts from the events of a transcript or a log (transcript.hpp), one value for each session.
//
// Pure functions; any thread.

#include <vector>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/doctor/transcript.hpp>

namespace sallyport::doctor {

/// In the order in which the sessions began. A session without any message is left out.
[[nodiscard]] std::vector<diagnosis::facts> facts_of(const transcript& read);

/// How a data connection failed, by the text of the reply that says so. Nothing if the reply is about another matter, such
/// as a file that does not exist.
[[nodiscard]] std::optional<diagnosis::method_result> result_of_reply(int code, std::string_view text);

}  // namespace sallyport::doctor
