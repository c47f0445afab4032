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

}  // namespace sallyport::doctor
