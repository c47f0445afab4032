#include <sallyport/gate/backend_list.hpp>

#include <filesystem>
#include <fstream>

#include <sallyport/gate/gate_test.hpp>

namespace sallyport::gate {
namespace {

TEST(BackendLines, AreUrlsWithParametersAndComments_G7) {
    const auto read = parse_backend_lines(
        "# our servers\n\n  ftp://10.0.0.5?weight=3 \r\nftps://[2001:db8::5]\n#ftp://10.0.0.7\n"
        "ftp://farm.example?resolve=srv");
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), 3U);
    EXPECT_EQ((*read)[0].text(), "ftp://10.0.0.5:21");
    EXPECT_EQ((*read)[0].parameters.weight, 3U);
    EXPECT_EQ((*read)[1].text(), "ftps://[2001:db8::5]:990");
    EXPECT_EQ((*read)[2].discovered_by, discovery::service);
}

TEST(BackendLines, NameTheLineOfAnError) {
    const auto bad = parse_backend_lines("ftp://10.0.0.5\n\nhttp://10.0.0.6\n");
    ASSERT_FALSE(bad);
    EXPECT_TRUE(bad.error().what.starts_with("line 3: backend \"http://10.0.0.6\"")) << bad.error().what;
    for (const auto* const empty : {"", "\n\n", "# ftp://10.0.0.5\n"}) {
        const auto none = parse_backend_lines(empty);
        ASSERT_FALSE(none);
        EXPECT_NE(none.error().what.find("lists no backend"), std::string::npos);
    }
}

TEST(Discovery, MakesABackendOfEachAddress_G7) {
    const auto name = *backend::parse("ftpes://farm.example:2121?resolve=address&weight=5&max-sessions=7");
    EXPECT_EQ(name.discovered_by, discovery::addresses);
    const auto found = resolve_to_backends(name, {*ip_address::parse("10.0.0.5"), *ip_address::parse("2001:db8::5")});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].text(), "ftpes://10.0.0.5:2121");
    EXPECT_EQ(found[1].text(), "ftpes://[2001:db8::5]:2121");
    for (const auto& b : found) {
        EXPECT_EQ(b.tls_host(), "farm.example");
        EXPECT_EQ(b.parameters, name.parameters);
        EXPECT_FALSE(b.needs_discovery());
    }
}

TEST(Discovery, MakesABackendOfEachRecord_G7) {
    const auto name = *backend::parse("ftp://farm.example?resolve=srv&max-sessions=7");
    const auto weight_of = [&](std::uint16_t weight, std::uint16_t largest) {
        return resolve_to_backends(name, {.target = "s1.example", .port = 2121, .priority = 10, .weight = weight}, largest,
                                   {})
            .parameters.weight;
    };
    EXPECT_EQ(weight_of(60, 100), 60U);
    EXPECT_EQ(weight_of(0, 100), 1U);
    EXPECT_EQ(weight_of(65535, 65535), 256U);
    EXPECT_EQ(weight_of(32768, 65535), 128U);
    EXPECT_EQ(weight_of(1, 65535), 1U);
    const auto b = resolve_to_backends(name, {.target = "s1.example", .port = 2121, .priority = 10, .weight = 1}, 1,
                                       {*ip_address::parse("10.0.0.5")});
    EXPECT_EQ(b.text(), "ftp://s1.example:2121");
    EXPECT_EQ(b.parameters.priority, 10U);
    EXPECT_EQ(b.parameters.max_sessions, 7U);
    EXPECT_EQ(b.addresses, std::vector{*ip_address::parse("10.0.0.5")});
}

// ---- In a running gateway

class GateFile : public gate_test {
protected:
    GateFile() { std::filesystem::create_directory(folder); }
    ~GateFile() override { std::filesystem::remove_all(folder); }

    void write(const std::string& name, const std::string& text) const { std::ofstream(folder / name) << text; }
    [[nodiscard]] std::string url(std::uint16_t port) const { return "ftp://127.0.0.1:" + std::to_string(port) + "\n"; }
    [[nodiscard]] bool shows(std::vector<std::uint16_t> ports) const {
        std::vector<std::string> now;
        for (const auto& b : gateway->backends().backends) now.push_back(b.name + "\n");
        std::vector<std::string> wanted;
        for (const auto port : ports) wanted.push_back(url(port));
        return now == wanted;
    }

    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("sallyport-list-" + std::to_string(::getpid()));
};

TEST_F(GateFile, IsRereadWhenItChanges_G7) {
    ftp_stub one({});
    ftp_stub two({.replies = {{"GREETING", "220 two"}}});
    setup.backends_file = folder / "list";
    setup.listen = {*endpoint::parse("127.0.0.1:0")};
    write("list", url(one.port()));
    start();
    EXPECT_EQ(client().reply(), "220 stub ready");
    write("list", url(two.port()));
    EXPECT_TRUE(eventually([&] { return shows({two.port()}); }));
    EXPECT_EQ(client().reply(), "220 two");
    // The file is replaced by another one.
    write("new", url(two.port()) + url(one.port()));
    std::filesystem::rename(folder / "new", folder / "list");
    EXPECT_TRUE(eventually([&] { return shows({two.port(), one.port()}); }));
    // An invalid file, then a valid one.
    write("list", "ftp://\n");
    write("new", url(one.port()));
    std::this_thread::sleep_for(300ms);
    EXPECT_TRUE(shows({two.port(), one.port()}));
    std::filesystem::rename(folder / "new", folder / "list");
    EXPECT_TRUE(eventually([&] { return shows({one.port()}); }));
}

TEST_F(GateFile, MustBeValidAtStart) {
    setup.listen = {*endpoint::parse("127.0.0.1:0")};
    setup.backends_file = folder / "list";
    const auto missing = gate(loops, setup, counters).start();
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().text().find(setup.backends_file), std::string::npos);
    write("list", "\nnonsense\n");
    const auto wrong = gate(loops, setup, counters).start();
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().what.find("list, line 2: "), std::string::npos) << wrong.error().what;
}

}  // namespace
}  // namespace sallyport::gate
