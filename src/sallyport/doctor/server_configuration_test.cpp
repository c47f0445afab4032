#include <sallyport/doctor/server_configuration.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/doctor/server_host.hpp>

namespace sallyport::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(server_configuration_test, reads_vsftpd) {
    const auto known = read_vsftpd(
        "# a comment\nlisten=YES\nlisten_port=2121\npasv_min_port=30000\npasv_max_port=30009  \nssl_enable=YES\n"
        "pasv_address=203.0.113.7\nmax_clients=20\n");
    EXPECT_THAT(known.control_ports, ElementsAre(2121));
    EXPECT_EQ(known.passive_ports, (port_range{30000, 30009}));
    EXPECT_EQ(known.external_address, "203.0.113.7");
    EXPECT_EQ(known.tls, true);
    EXPECT_EQ(known.max_sessions, 20U);
    EXPECT_THAT(known.contradictions, IsEmpty());
    const auto wrong =
        read_vsftpd("pasv_min_port=30009\npasv_max_port=30000\npasv_address=ftp.example.org\npasv_enable=NO\n");
    EXPECT_FALSE(wrong.passive);
    EXPECT_THAT(wrong.contradictions,
                ElementsAre(HasSubstr("pasv_min_port 30009 is above"), HasSubstr("pasv_addr_resolve")));
    EXPECT_THAT(read_vsftpd("pasv_min_port=30009\n").contradictions,
                ElementsAre("pasv_min_port is set without pasv_max_port"));
    EXPECT_THAT(read_vsftpd("").control_ports, ElementsAre(21));
}

TEST(server_configuration_test, reads_proftpd) {
    const auto known = read_proftpd(
        "ServerName \"x\"\nPort 2121\n  PassivePorts 30000 30009\n<IfModule mod_tls.c>\n  TLSEngine on\n</IfModule>\n"
        "MasqueradeAddress 192.168.1.5\nMaxInstances 30\nInclude /etc/proftpd/conf.d/\n"
        "<VirtualHost 10.0.0.1>\n  Port 99\n  PassivePorts 1 2\n</VirtualHost>\n");
    EXPECT_THAT(known.control_ports, ElementsAre(2121));
    EXPECT_EQ(known.passive_ports, (port_range{30000, 30009}));
    EXPECT_EQ(known.external_address, "192.168.1.5");
    EXPECT_EQ(known.tls, true);
    EXPECT_EQ(known.max_sessions, 30U);
    EXPECT_THAT(known.not_measured, ElementsAre(HasSubstr("conf.d")));
}

TEST(server_configuration_test, reads_options_of_pure_ftpd) {
    const auto known = read_pure_ftpd("-p 30000:30009 -P203.0.113.7 --tls=1 -S 10.0.0.1,2121 -c 7 -B");
    EXPECT_EQ(known.passive_ports, (port_range{30000, 30009}));
    EXPECT_EQ(known.external_address, "203.0.113.7");
    EXPECT_EQ(known.tls, true);
    EXPECT_THAT(known.control_ports, ElementsAre(2121));
    EXPECT_EQ(known.max_sessions, 7U);
    EXPECT_EQ(read_pure_ftpd("-p").passive_ports, (port_range{0, 0}));
}

TEST(server_configuration_test, what_is_no_configuration) {
    EXPECT_TRUE(is_configuration_of("vsftpd", "# empty\n\nlisten=YES\n"));
    EXPECT_TRUE(is_configuration_of("vsftpd", ""));
    EXPECT_FALSE(is_configuration_of("vsftpd", "listen = \"0.0.0.0:21\"\n"));
    EXPECT_FALSE(is_configuration_of("vsftpd", "nothing of FTP\n"));
    EXPECT_TRUE(is_configuration_of("proftpd", "Other x\n  PassivePorts 1 2\n"));
    EXPECT_FALSE(is_configuration_of("proftpd", "listen=YES\npasv_min_port=1\n"));
    EXPECT_TRUE(is_configuration_of("pure-ftpd", "-p 1:2"));
    EXPECT_FALSE(is_configuration_of("pure-ftpd", "/etc/pure-ftpd.conf"));
}

TEST(server_configuration_test, tls_is_unknown_where_settings_are_in_another_file) {
    EXPECT_EQ(read_proftpd("Port 21\n").tls, false);
    EXPECT_EQ(read_proftpd("Port 21\nInclude /etc/proftpd/tls.conf\n").tls, std::nullopt);
    EXPECT_EQ(read_proftpd("TLSEngine on\nInclude /etc/proftpd/x.conf\n").tls, true);
}

TEST(server_host_test, reads_socket_tables) {
    const auto table = read_socket_table(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:7530 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 x 100 0 0 10 0\n"
        "   1: 0100007F:7531 0200007F:9C40 03 00000000:00000000 01:00000000 00000000     0        0 0 1 x\n"
        "   2: nonsense\n",
        true);
    ASSERT_EQ(table.listening.size(), 1U);
    EXPECT_EQ(table.listening[0].text(), "127.0.0.1:30000");
    EXPECT_THAT(table.inodes, ElementsAre(4711U));
    ASSERT_EQ(table.connections.size(), 1U);
    EXPECT_EQ(table.connections[0].local.text(), "127.0.0.1:30001");
    EXPECT_EQ(table.connections[0].remote.text(), "127.0.0.2:40000");
    EXPECT_EQ(table.connections[0].state, diagnosis::connection_state::half_open);
    const auto v6 = read_socket_table(
        "   0: B80D0120000000000000000001000000:0015 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 5 1\n", false);
    ASSERT_EQ(v6.listening.size(), 1U);
    EXPECT_EQ(v6.listening[0].text(), "[2001:db8::1]:21");
}

}  // namespace
}  // namespace sallyport::doctor
