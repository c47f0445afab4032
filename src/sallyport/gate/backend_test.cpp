#include <sallyport/gate/backend.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

TEST(Backend, ParsesUrls) {
    struct row {
        std::string url, host;
        std::uint16_t port;
        backend_tls tls;
        std::string text;
    };
    for (const auto& [url, host, port, tls, text] : std::vector<row>{
             {"ftp://10.0.0.5", "10.0.0.5", 21, backend_tls::none, "ftp://10.0.0.5:21"},
             {"ftp://files.lan:2121/", "files.lan", 2121, backend_tls::none, "ftp://files.lan:2121"},
             {"FTPES://files", "files", 21, backend_tls::explicit_, "ftpes://files:21"},
             {"ftps://[2001:db8::5]", "2001:db8::5", 990, backend_tls::implicit, "ftps://[2001:db8::5]:990"},
             {"ftp://files?tls=match", "files", 21, backend_tls::match, "ftp://files:21"},
             {"ftp://[fe80::5%25lo]", "fe80::5%lo", 21, backend_tls::none, "ftp://[fe80::5%lo]:21"},
             {"ftp://[fe80::5%lo]:2121", "fe80::5%lo", 2121, backend_tls::none, "ftp://[fe80::5%lo]:2121"},
             {"ftps://[::1]:65535", "::1", 65535, backend_tls::implicit, "ftps://[::1]:65535"},
         }) {
        const auto b = backend::parse(url);
        ASSERT_TRUE(b) << url;
        EXPECT_EQ(b->host, host);
        EXPECT_EQ(b->port, port);
        EXPECT_EQ(b->tls, tls);
        EXPECT_EQ(b->text(), text);
    }
}

TEST(Backend, ParsesUrlParameters_G7) {
    struct row {
        std::string query;
        backend_parameters parameters;
    };
    for (const auto& [query, parameters] : std::vector<row>{
             {"?weight=3", {.weight = 3}},
             {"/?weight=256&max-sessions=50&state=drain", {256, 50, backend_state::drain}},
             {"?state=maintenance", {.state = backend_state::maintenance}},
             {"?state=active&max-sessions=0", {}},
             {"?priority=2&users=anna,B*", {.priority = 2, .users = {"anna", "B*"}}},
             {"?hosts=Ftp.A.example,*.b.example", {.hosts = {"ftp.a.example", "*.b.example"}}},
         }) {
        for (const std::string host : {"ftp://files.lan:2121", "ftpes://[::1]:2121"}) {
            const auto b = backend::parse(host + query);
            ASSERT_TRUE(b) << query << b.error().text();
            EXPECT_EQ(b->parameters, parameters) << query;
            EXPECT_EQ(b->text(), host);
        }
    }
    for (const std::string query : {"?weight", "?weight=", "?weight=0", "?weight=257", "?weight=-1", "?weight=1x",
                                    "?max-sessions=x", "?state=", "?state=up", "?resolve=", "?resolve=mx", "?priority=-1",
                                    "?users=", "?hosts=a,,b", "?weight=1&", "?wait=1", "?weight=1?weight=2"}) {
        const auto b = backend::parse("ftp://x" + query);
        ASSERT_FALSE(b) << query;
        EXPECT_NE(b.error().what.find(query), std::string::npos) << query;
    }
}

TEST(Backend, ParsesProxyProtocolParameters) {
    EXPECT_EQ(backend::parse("ftp://a")->proxy_protocol, std::nullopt);
    EXPECT_EQ(backend::parse("ftp://a?proxy-protocol=v1")->proxy_protocol, proto::proxy_version::v1);
    EXPECT_FALSE(backend::parse("ftp://a?proxy-protocol=v1")->proxy_protocol_data);
    const auto both = backend::parse("ftps://[::1]:2990/?proxy-protocol-data=yes&proxy-protocol=v2");
    ASSERT_TRUE(both);
    EXPECT_EQ(both->proxy_protocol, proto::proxy_version::v2);
    EXPECT_TRUE(both->proxy_protocol_data);
    EXPECT_EQ(both->text(), "ftps://[::1]:2990");
    for (const std::string query : {"?x=1", "?proxy-protocol", "?proxy-protocol=", "?proxy-protocol=v3",
                                    "?proxy-protocol=v1&", "?proxy-protocol=v1&proxy-protocol-data",
                                    "?proxy-protocol-data=yes", "?proxy-protocol=v1?proxy-protocol-data=yes"}) {
        EXPECT_FALSE(backend::parse("ftp://a" + query)) << query;
    }
}

TEST(Backend, SaysWhatIsWrongWithAUrl) {
    EXPECT_EQ(backend::parse("http://x").error().what,
              "backend \"http://x\": unknown scheme; use ftp://HOST[:PORT], ftpes://HOST[:PORT] or ftps://HOST[:PORT]");
    EXPECT_EQ(backend::parse("ftp://u:p@x").error().what,
              "backend \"ftp://u:p@x\": a user name is not allowed; clients log in with their own");
    EXPECT_EQ(backend::parse("ftp://x?wieght=3").error().what,
              "backend \"ftp://x?wieght=3\": unknown parameter \"wieght\"; did you mean weight? See 'sallyport gate --help' "
              "for the list");
}

TEST(Backend, RefusesOtherUrlsWithAReason) {
    for (const std::string url : {"", "10.0.0.5", "http://x", "ftp://", "ftp://:21", "ftp://x:", "ftp://x:0",
                                  "ftp://x:65536", "ftp://x:21x", "ftp://u:p@x", "ftp://x/dir", "ftp://[::1",
                                  "ftp://[::1]21", "ftp://[x]", "ftp://2001:db8::5", "ftp://a b", "ftp://x\n"}) {
        const auto b = backend::parse(url);
        ASSERT_FALSE(b) << url;
        EXPECT_TRUE(b.error().what.starts_with("backend \"")) << url;
        EXPECT_NE(b.error().what.find("; "), std::string::npos) << "no next step: " << b.error().what;
    }
}

}  // namespace
}  // namespace sallyport::gate
