#pragma once
// Tests of pages of which a tool writes a part: the text that the test makes (tools/written_page.py). One thread.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace sallyport::proto {

/// Expects that the page has this text as the tool's part. The tool gets the text in the file that $SALLYPORT_PRINTED names.
inline void expect_written_part(const std::string& page_file, std::string_view tool, const std::string& text) {
    if (const char* const printed = std::getenv("SALLYPORT_PRINTED")) std::ofstream(printed, std::ios::binary) << text;
    std::ifstream in(page_file, std::ios::binary);
    const std::string page{std::istreambuf_iterator<char>(in), {}};
    const auto part = fmt::format("<!-- written by {0} -->\n{1}<!-- end of what {0} wrote -->\n", tool, text);
    EXPECT_NE(page.find(part), std::string::npos) << page_file << " is not up to date; run " << tool;
}

}  // namespace sallyport::proto
