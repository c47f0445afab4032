#include <sallyport/gate/backend.hpp>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

TEST(Backend, ReadsUrls) {
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

TEST(Backend, RefusesOtherUrlsWithAReason) {
    for (const std::string url : {"", "10.0.0.5", "http://x", "ftp://", "ftp://:21", "ftp://x:", "ftp://x:0",
                                  "ftp://x:65536", "ftp://x:21x", "ftp://u:p@x", "ftp://x/dir", "ftp://[::1",
                                  "ftp://[::1]21", "ftp://[x]", "ftp://2001:db8::5", "ftp://a b", "ftp://x\n"}) {
        const auto b = backend::parse(url);
        ASSERT_FALSE(b) << url;
        EXPECT_NE(b.error().what.find("give ftp://HOST[:PORT]"), std::string::npos) << url;
    }
}

}  // namespace
}  // namespace sallyport::gate
