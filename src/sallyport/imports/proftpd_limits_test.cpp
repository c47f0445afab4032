#include <sallyport/imports/proftpd_limits.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::imports {
namespace {

using limit_names = std::vector<std::string>;

proftpd_section conf(const std::string& text) {
    auto read = read_proftpd_conf({"p.conf", text}, [](const std::string&) { return std::vector<import_file>(); });
    EXPECT_TRUE(read) << read.error().what;
    return read ? std::move(*read) : proftpd_section();
}

const proftpd_user bob{.name = "bob", .groups = {"staff", "ftp"}};

limit_names rights_in(const std::string& text, const proftpd_user& user = bob) {
    const auto read = conf(text);
    return rights_of({&read}, user);
}

TEST(proftpd_limits, rights_without_limits) {
    EXPECT_EQ(rights_in(""), (limit_names{"list", "read", "write", "delete", "rename", "mkdir"}));
    EXPECT_EQ(rights_in("AllowOverwrite on\nAllowStoreRestart on\n"),
              (limit_names{"list", "read", "write", "append", "delete", "rename", "mkdir", "overwrite"}));
    EXPECT_EQ(rights_in("AllowOverwrite on\nAllowOverwrite off\n").back(), "overwrite") << "the first one counts";
}

TEST(proftpd_limits, the_command_counts_before_its_group) {
    EXPECT_EQ(rights_in("<Limit WRITE>\nDenyAll\n</Limit>\n"), (limit_names{"list", "read"}));
    EXPECT_EQ(rights_in("<Limit WRITE>\nDenyAll\n</Limit>\n<Limit STOR STOU>\nAllowAll\n</Limit>\n"),
              (limit_names{"list", "read", "write"}));
    EXPECT_EQ(rights_in("<Limit ALL>\nDenyAll\n</Limit>\n<Limit DIRS>\nAllowAll\n</Limit>\n"), (limit_names{"list"}));
    EXPECT_EQ(rights_in("<Limit DELE>\nDenyAll\n</Limit>\n<Limit XMKD>\nDenyAll\n</Limit>\n"),
              (limit_names{"list", "read", "write", "rename"}))
        << "a right needs all of its commands";
}

TEST(proftpd_limits, the_inner_section_counts_first) {
    const auto outer = conf("<Limit WRITE>\nDenyAll\n</Limit>\n");
    const auto inner = conf("<Limit STOR STOU MKD>\nAllowAll\n</Limit>\n<Limit READ DIRS>\nDenyAll\n</Limit>\n");
    EXPECT_EQ(rights_of({&inner, &outer}, bob), (limit_names{"write", "mkdir"}));
    EXPECT_EQ(rights_of({&outer}, bob), (limit_names{"list", "read"}));
}

TEST(proftpd_limits, users_and_groups) {
    const auto may_delete = [](const std::string& lines) {
        const auto read = conf("<Limit DELE RMD>\n" + lines + "</Limit>\n");
        return permits({&read}, "DELE", bob);
    };
    EXPECT_TRUE(may_delete("AllowUser bob\nDenyAll\n"));
    EXPECT_TRUE(may_delete("AllowUser alice,bob\nDenyAll\n"));
    EXPECT_FALSE(may_delete("AllowUser alice\nDenyAll\n"));
    EXPECT_TRUE(may_delete("AllowGroup staff\nDenyAll\n"));
    EXPECT_FALSE(may_delete("AllowGroup staff,root\nDenyAll\n")) << "groups must all match";
    EXPECT_TRUE(may_delete("AllowGroup OR staff,root\nDenyAll\n"));
    EXPECT_FALSE(may_delete("DenyUser bob\n"));
    EXPECT_FALSE(may_delete("DenyUser !alice\n"));
    EXPECT_TRUE(may_delete("DenyUser alice\n"));
    EXPECT_FALSE(may_delete("Order deny,allow\nAllowUser alice\n")) << "what no line names is refused";
    EXPECT_TRUE(may_delete("Order deny,allow\nAllowUser bob\n"));
    EXPECT_FALSE(may_delete("DenyUser regex ^x\n")) << "an expression refuses";
    EXPECT_FALSE(may_delete("Allow from 192.0.2.0/24\nDenyAll\n")) << "an address does not permit";
    EXPECT_FALSE(may_delete("Deny from 192.0.2.0/24\n"));
}

TEST(proftpd_limits, networks_of_a_login) {
    const auto networks = [](const std::string& lines, const std::string& before = "") {
        const auto read = conf(before + "<Limit LOGIN>\n" + lines + "</Limit>\n");
        return networks_of(read.sections.back(), read);
    };
    const auto allowed =
        networks("Order allow,deny\nAllow from 192.0.2.0/24,198.51.100.7\nAllow from 10.1.\nDeny from all\n");
    EXPECT_EQ(allowed.allow, (limit_names{"192.0.2.0/24", "198.51.100.7", "10.1.0.0/16"}));
    EXPECT_TRUE(allowed.refuse.empty());
    EXPECT_FALSE(allowed.is_incomplete);
    EXPECT_TRUE(networks("Allow from 192.0.2.0/24\n").allow.empty()) << "the others are not refused";
    EXPECT_EQ(networks("Deny from 192.0.2.0/24\n").refuse, (limit_names{"192.0.2.0/24"}));
    EXPECT_TRUE(networks("Deny from .example.org\n").is_incomplete);
    const auto of_class = networks("AllowClass inside\nDenyAll\n", "<Class inside>\nFrom 10.0.0.0/8 192.0.2.1\n</Class>\n");
    EXPECT_EQ(of_class.allow, (limit_names{"10.0.0.0/8", "192.0.2.1"}));
    const std::string classes = "<Class inside>\nFrom 10.0.0.0/8\n</Class>\n<Class office>\nFrom 10.1.0.0/16\n</Class>\n";
    EXPECT_FALSE(networks("AllowClass OR inside,office\nDenyAll\n", classes).is_incomplete);
    EXPECT_TRUE(networks("AllowClass AND inside,office\nDenyAll\n", classes).is_incomplete) << "only what is in both";
    EXPECT_TRUE(networks("AllowClass outside\nDenyAll\n").is_incomplete);
    const auto login = conf("<Limit LOGIN>\nAllow from 192.0.2.0/24\nDenyAll\n</Limit>\n");
    EXPECT_TRUE(permits_login({&login}, bob)) << "from some address";
}

}  // namespace
}  // namespace sallyport::imports
