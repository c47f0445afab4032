// Transcripts of clients and logs of servers.
// - Any text is read.
// - No command keeps the argument of PASS or ACCT, whatever its case.

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/facts_json.hpp>
#include <sallyport/doctor/session_reader.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto text = sallyport::fuzz::text_of(data, size);
    const auto read = doctor::read_transcript(text);
    for (const auto& e : read.events) {
        if (e.what != doctor::session_event::kind::command) continue;
        const auto text_of_command = to_lower(e.text);
        check(!text_of_command.starts_with("pass ") && !text_of_command.starts_with("acct "), "no argument of PASS or ACCT");
        check(e.secret.empty(), "no argument is left");
    }
    for (const auto& session : doctor::facts_of(read)) (void)diagnosis::to_json(session);
    return 0;
}
