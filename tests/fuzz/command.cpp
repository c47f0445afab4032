// The command parser.
// - What parses, formatted, parses to the same command; formatting gives exactly one line.
// - A number argument is a number; no control byte gets through; a password never outlives mask_secrets().

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/command.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto line = sallyport::fuzz::text_of(data, size);
    (void)proto::is_foreign_protocol(line);
    const auto masked = proto::mask_secrets(line);
    check(proto::mask_secrets(masked) == masked, "masking twice is masking once");

    const auto c = proto::parse_command(line);
    if (!c) {
        check(c.error().code == errc::syntax, "a refusal is a syntax error");
        return 0;
    }
    check(std::ranges::none_of(c->argument, is_control), "no control bytes in an argument");
    if (c->id != proto::verb::unknown && proto::row_of(c->id).argument == proto::argument_shape::number) {
        check(parse_decimal(c->argument).has_value(), "a number is a number");
    }
    if (c->id != proto::verb::unknown && !proto::is_name(proto::row_of(c->id).argument))
        check(!c->argument.ends_with(' '), "blanks are trimmed where they mean nothing");
    if (c->id == proto::verb::pass && !c->argument.empty())
        check(masked.ends_with("S ****") || masked.ends_with("s ****"), "S7");
    auto formatted = proto::format_command(c->name, c->argument);
    check(formatted.has_value(), "what was parsed can be written");
    check(formatted->ends_with("\r\n") && formatted->find_first_of("\r\n") == formatted->size() - 2, "one line");
    formatted->resize(formatted->size() - 2);
    check(proto::parse_command(*formatted) == *c, "format and parse are inverse");
    return 0;
}
