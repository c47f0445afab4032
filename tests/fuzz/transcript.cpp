// Transcripts of clients and logs of servers.
// - Any text is read; a session has a message.
// - The argument of PASS is in no fact.

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
        check(!e.text.starts_with("PASS ") && !e.text.starts_with("pass "), "no argument of PASS");
    }
    for (const auto& session : doctor::facts_of(read)) (void)diagnosis::to_json(session);
    return 0;
}
