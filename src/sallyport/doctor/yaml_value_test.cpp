#include <sallyport/doctor/yaml_value.hpp>

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::doctor {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST(YamlValue, IsReadFromYamlAndJson) {
    for (const auto* const text : {"a:\n  b: [1, 'x']\n  c: null\n", "{\"a\":{\"b\":[1,\"\\u0078\"],\n\t\"c\":null}}"}) {
        const auto read = read_yaml(text);
        ASSERT_TRUE(read) << read.error().text();
        ASSERT_THAT(*read, SizeIs(1));
        const auto& a = read->front().at("a");
        ASSERT_THAT(a.at("b").items, SizeIs(2));
        EXPECT_EQ(a.at("b").items[0].text, "1");
        EXPECT_EQ(a.at("b").items[1].text, "x");
        EXPECT_EQ(a.at("c").is, yaml_value::kind::null);
        EXPECT_EQ(a.at("d").at("e").is, yaml_value::kind::null);
        EXPECT_EQ(read->front().size, 6U);
    }
}

TEST(YamlValue, HasTheLineOfItsText) {
    const auto read = read_yaml("a: 1\n---\n\nb:\n  - c\n");
    ASSERT_TRUE(read);
    ASSERT_THAT(*read, SizeIs(2));
    EXPECT_EQ(read->at(1).at("b").items.at(0).line, 5);
}

TEST(YamlValue, HoldsCopiesForAliasesAndMergeKeys) {
    const auto read = read_yaml(
        "x: &x {p: 1, q: 2}\n"
        "y: {<<: *x, q: 3}\n"
        "z: {<<: [{p: 4, r: 5}, *x]}\n");
    ASSERT_TRUE(read);
    const auto& all = read->front();
    EXPECT_EQ(all.at("y").at("p").text, "1");
    EXPECT_EQ(all.at("y").at("q").text, "3");
    EXPECT_THAT(all.at("y").items, SizeIs(2));
    EXPECT_EQ(all.at("z").at("p").text, "4");
    EXPECT_EQ(all.at("z").at("q").text, "2");
    EXPECT_EQ(all.at("z").at("r").text, "5");
}

TEST(YamlValue, IsRefusedWithTheLine) {
    const auto why = [](std::string_view text) {
        const auto read = read_yaml(text);
        return read ? std::string() : read.error().what;
    };
    EXPECT_THAT(why("a: 1\nb: [\n"), HasSubstr("line 3: end of sequence flow"));
    EXPECT_THAT(why("a: 1\nb: *c\n"), HasSubstr("line 2: the referenced anchor is not defined"));
    EXPECT_EQ(why("a:\n  b: &b [*b]\n"), "line 2: an alias of the value that it is a part of");
    EXPECT_EQ(why("port: {{ .Values.port }}\n"), "line 1: a key that is no text");
    EXPECT_EQ(why(std::string(100000, '[')), "line 1: too many lists and maps inside each other");
    // An anchor is known in its own document only.
    EXPECT_THAT(why("a: &a 1\n---\nb: *a\n"), HasSubstr("line 3: "));
}

TEST(YamlValue, IsLimitedInSizeWithItsCopies) {
    std::string bomb = "a0: &a0 x\n";
    for (int i = 1; i < 30; ++i) bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}]\n", i, i - 1);
    const auto copies = read_yaml(bomb);
    ASSERT_FALSE(copies);
    EXPECT_EQ(copies.error().code, errc::too_long);
    EXPECT_THAT(copies.error().what, HasSubstr("more than 524288 values"));
    const auto large = read_yaml(std::string((std::size_t{16} << 20U) + 1, '\n'));
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().what, "it is larger than 16 MiB");
}

}  // namespace
}  // namespace sallyport::doctor
