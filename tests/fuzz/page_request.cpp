// Requests for the page: the lines are the fields Host and Authorization, and the target.
// - A host that is accepted has no other characters than those of localhost or of an address, with a port.
// - A password is shorter than its text in base64.
// - A query asks for a bounded number of rows, and its values have no more bytes than the target.

#include <algorithm>

#include <sallyport/base/ascii.hpp>
#include <sallyport/ops/page_access.hpp>
#include <sallyport/ops/page_json.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;

[[nodiscard]] bool is_plain(char c) { return is_alpha(c) || is_digit(c) || std::string_view(".:[]%_-").contains(c); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using sallyport::fuzz::check;
    auto text = sallyport::fuzz::text_of(data, size);
    ops::http_request asked{.method = ops::http_method::get, .target = {}, .hosts = 1};
    asked.host = sallyport::fuzz::next_line(text);
    asked.authorization = sallyport::fuzz::next_line(text);
    asked.target = text;
    if (!ops::refuse_origin(asked)) {
        check(std::ranges::all_of(asked.host, is_plain), "the host is an address or localhost");
        check(!asked.host.contains("evil"), "the host is no other name");
    }
    if (const auto password = ops::password_of(asked.authorization))
        check(password->size() < asked.authorization.size(), "the password is shorter than its text");
    if (const auto query = ops::query_of(asked.target)) {
        check(query->rows <= ops::page_query::max_rows, "the rows are bounded");
        check(query->filter.size() <= asked.target.size() && query->chosen.size() <= asked.target.size(),
              "values are short");
    }
    return 0;
}
