// Saved runs of the doctor, which others have sent.
// - Any text is read or refused. What was read can be written and read again.
// - No byte of it reaches the terminal as a control character.

#include <algorithm>

#include <sallyport/diagnosis/anonymize.hpp>
#include <sallyport/diagnosis/facts_json.hpp>
#include <sallyport/diagnosis/report.hpp>
#include <sallyport/diagnosis/report_json.hpp>
#include <sallyport/diagnosis/rules.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto known = diagnosis::facts_from_json(sallyport::fuzz::text_of(data, size));
    if (!known) return 0;
    check(diagnosis::facts_from_json(diagnosis::to_json(*known)).has_value(), "what was read can be read again");
    const auto found = diagnosis::judge(*known);
    const auto text = diagnosis::report_text(*known, found, true);
    check(std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 && c != '\n'; }), "no control character");
    (void)diagnosis::report_json(*known, found);
    (void)diagnosis::judge(diagnosis::anonymized(*known, "anna"));
    return 0;
}
