#include <sallyport/proto/size_reply.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

using size = std::optional<std::uint64_t>;

struct row {
    std::vector<std::string> lines;
    size expected;
};

TEST(size_reply, a_size_is_found_in_any_line_with_blanks_around_it) {
    const row rows[] = {
        {{"5000"}, 5000U},
        {{"5000 "}, 5000U},
        {{"  5000"}, 5000U},
        {{"\t5000 \t"}, 5000U},
        {{"0"}, 0U},
        {{"5000 bytes"}, 5000U},
        {{"file 5000"}, 5000U},
        {{"The size of file2 is", " 5000 ", "End"}, 5000U},
        {{"", "5000"}, 5000U},
        {{"5000", "5000"}, 5000U},
        {{"2 files asked for", "5000"}, 5000U},  // The number that is alone on a line.
    };
    for (const auto& r : rows) EXPECT_EQ(size_in({213, r.lines}), r.expected) << r.lines.front();
}

TEST(size_reply, ambiguous_numbers_are_no_size) {
    const row rows[] = {
        {{""}, {}},           {{"  "}, {}},          {{"-1"}, {}},
        {{"+5"}, {}},         {{"4x"}, {}},          {{"5,000"}, {}},
        {{"5.000"}, {}},      {{"0x10"}, {}},        {{"99999999999999999999"}, {}},
        {{"file2 done"}, {}}, {{"5000", "420"}, {}}, {{"5000 of 6000"}, {}},
    };
    for (const auto& r : rows) EXPECT_EQ(size_in({213, r.lines}), r.expected) << r.lines.front();
}

TEST(size_reply, reads_the_size_in_a_150) {
    const row rows[] = {
        {{"Opening BINARY mode data connection for x (5000 bytes)"}, 5000U},
        {{"Opening BINARY mode data connection for x (5000 bytes)."}, 5000U},
        {{"opening (5000 Bytes) "}, 5000U},
        {{"opening ( 5000 bytes )"}, 5000U},
        {{"opening (1 byte)"}, 1U},
        {{"opening (7 bytes) (5000 bytes)"}, 5000U},
        {{"opening (5000 bytes) (binary)"}, 5000U},
        {{"Accepted data connection", "opening (5000 bytes)"}, 5000U},
        {{"opening (5000 bytes)", "go on"}, 5000U},
    };
    for (const auto& r : rows) EXPECT_EQ(announced_size({150, r.lines}), r.expected) << r.lines.front();
}

TEST(size_reply, a_150_without_such_words_announces_nothing) {
    for (const std::string_view text : {"", "ok", "5000 bytes", "(5000)", "(x bytes)", "(5000 bytes", "5000 bytes)",
                                        "(-1 bytes)", "(5,000 bytes)", "(4.9 kbytes)", "(5000 bytes or so)", ")(", ")", "("})
        EXPECT_EQ(announced_size({150, {std::string(text)}}), std::nullopt) << text;
}

}  // namespace
}  // namespace sallyport::proto
