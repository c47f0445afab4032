#include <sallyport/net/certificate_file.hpp>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include <sallyport/net/tls.hpp>

namespace sallyport::net {
namespace {

TEST(certificate_file, has_its_names_and_its_expiry_date) {
    const std::string file = testing::TempDir() + "sallyport_certificate_" + std::to_string(getpid());
    const auto made = make_self_signed({"ftp.example.org", "192.0.2.1", "2001:db8::1"}, 10);
    ASSERT_TRUE(made);
    std::ofstream(file) << made->key << made->certificate;
    const auto read = read_certificate(file);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->names, (std::vector<std::string>{"ftp.example.org", "192.0.2.1", "2001:db8::1"}));
    EXPECT_NEAR(static_cast<double>(read->not_after - std::time(nullptr)), 10.0 * 86400, 60);
    EXPECT_EQ(read->fingerprint, tls_server_context::from_pem(made->certificate, made->key)->fingerprint());
    std::ofstream(file) << made->key;
    EXPECT_EQ(read_certificate(file).error().code, errc::tls);
    std::remove(file.c_str());
    EXPECT_EQ(read_certificate(file).error().code, errc::not_found);
}

}  // namespace
}  // namespace sallyport::net
