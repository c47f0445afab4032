#include <sallyport/gate/tls_end.hpp>

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::gate {
namespace {

struct row {
    std::string requested;
    // What this gateway has a certificate for.
    std::vector<std::string> held;
    bool here;
    std::string host;
    std::string reason;
};

TEST(TlsEnd, IsHereIfACertificateIsValidForTheServer_G10) {
    const std::string name = "ftp.example.org";
    const std::string address = "192.0.2.7";
    const std::vector<row> table{
        // A requested name decides alone, since the client would accept no certificate for the address.
        {name,
         {name},
         true,
         name,
         "ends here: a certificate is for ftp.example.org, the server name that the client requests"},
        {name, {address, name}, true, name, "the server name that the client requests"},
        {name, {address}, false, "", "passes to 192.0.2.7: no certificate is for ftp.example.org"},
        {name, {}, false, "", "passes to 192.0.2.7: no certificate is for ftp.example.org"},
        {"", {address}, true, "", "ends here: a certificate is for 192.0.2.7, the address of the server"},
        {"", {name}, false, "", "passes to 192.0.2.7: no certificate is for this address"},
        {"", {}, false, "", "the client requests no server name"},
    };
    for (const auto& one : table) {
        SCOPED_TRACE("\"" + one.requested + "\": " + one.reason);
        const auto end = tls_end::choose(one.requested, *ip_address::parse(address), [&](std::string_view what) {
            return std::ranges::find(one.held, what) != one.held.end();
        });
        EXPECT_EQ(end.here, one.here);
        EXPECT_EQ(end.host, one.host);
        EXPECT_NE(end.reason.find(one.reason), std::string::npos) << end.reason;
    }
}

}  // namespace
}  // namespace sallyport::gate
