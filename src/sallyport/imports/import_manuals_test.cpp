// Every name that the manuals of the three servers document is imported: each of its lines has a line in the report.

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sallyport/imports/proftpd_import.hpp>
#include <sallyport/imports/pure_ftpd_import.hpp>
#include <sallyport/imports/vsftpd_import.hpp>

namespace sallyport::imports {
namespace {

// Directives of ProFTPD 1.3.8 by module (doc/modules, doc/contrib), without sections.
constexpr std::string_view proftpd_names = R"(
mod_core: Allow AllowAll AllowClass AllowFilter AllowForeignAddress AllowGroup AllowOverride AllowUser AuthOrder
 CDPath CommandBufferSize DebugLevel DefaultAddress DefaultServer Define Deny DenyAll DenyClass DenyFilter DenyGroup
 DenyUser DisplayChdir DisplayConnect DisplayQuit FSCachePolicy FSOptions From Group GroupOwner HideFiles HideGroup
 HideNoAccess HideUser IgnoreHidden Include IncludeOptions MasqueradeAddress MaxCommandRate MaxConnectionRate
 MaxConnectionsPerHost MaxInstances MultilineRFC2228 Order PassivePorts PathAllowFilter PathDenyFilter PidFile Port
 ProcessTitles Protocols RegexOptions Satisfy ScoreboardFile ScoreboardMutex ScoreboardScrub ServerAdmin ServerAlias
 ServerIdent ServerName ServerType SetEnv SocketBindTight SocketOptions SyslogFacility SyslogLevel TCPBacklog
 TCPNoDelay TimeoutIdle TimeoutLinger TimesGMT Trace TraceLog TraceOptions TransferLog Umask UnsetEnv UseIPv6
 UseReverseDNS User UserOwner
mod_auth: AccessDenyMsg AccessGrantMsg AllowChrootSymlinks AllowEmptyPasswords AnonAllowRobots AnonRejectPasswords
 AnonRequirePassword AuthAliasOnly AuthUsingAlias CreateHome DefaultChdir DefaultRoot DisplayLogin GroupPassword
 LoginPasswordPrompt MaxClients MaxClientsPerClass MaxClientsPerHost MaxClientsPerUser MaxHostsPerUser
 MaxLoginAttempts MaxPasswordSize RequireValidShell RewriteHome RootLogin RootRevoke TimeoutLogin TimeoutSession
 UseFtpUsers UseLastlog UserAlias UserDirRoot UserPassword WtmpLog
mod_auth_file: AuthFileOptions AuthGroupFile AuthUserFile
mod_auth_pam: AuthPAM AuthPAMConfig AuthPAMOptions
mod_auth_unix: AuthUnixOptions PersistentPasswd
mod_auth_otp: AuthOTPAlgorithm AuthOTPEngine AuthOTPLog AuthOTPOptions AuthOTPTable AuthOTPTableLock
mod_ban: BanCache BanCacheOptions BanControlsACLs BanEngine BanLog BanMessage BanOnEvent BanOptions BanTable
mod_cap: CapabilitiesEngine CapabilitiesRootRevoke CapabilitiesSet
mod_copy: CopyEngine CopyOptions
mod_ctrls: ControlsACLs ControlsAuthFreshness ControlsEngine ControlsInterval ControlsLog ControlsMaxClients
 ControlsSocket ControlsSocketACL ControlsSocketOwner
mod_ctrls_admin: AdminControlsACLs AdminControlsEngine
mod_deflate: DeflateEngine DeflateLog
mod_delay: DelayControlsACLs DelayEngine DelayOnEvent DelayTable
mod_digest: DigestAlgorithms DigestCache DigestDefaultAlgorithm DigestEnable DigestEngine DigestMaxSize DigestOptions
mod_dnsbl: DNSBLDomain DNSBLEngine DNSBLLog DNSBLPolicy
mod_dso: LoadFile LoadModule ModuleControlsACLs ModuleOrder ModulePath
mod_dynmasq: DynMasqControlsACLs DynMasqRefresh
mod_exec: ExecBeforeCommand ExecEnable ExecEngine ExecEnviron ExecLog ExecOnCommand ExecOnConnect ExecOnError
 ExecOnEvent ExecOnExit ExecOnRestart ExecOptions ExecTimeout
mod_facl: FACLEngine
mod_facts: FactsAdvertise FactsDefault FactsOptions
mod_geoip: GeoIPAllowFilter GeoIPDenyFilter GeoIPEngine GeoIPLog GeoIPPolicy GeoIPTable
mod_ident: IdentLookups
mod_lang: LangDefault LangEngine LangOptions LangPath UseEncoding
mod_ldap: LDAPAliasDereference LDAPAttr LDAPAuthBinds LDAPBindDN LDAPConnectTimeout LDAPDefaultAuthScheme LDAPDefaultGID
 LDAPDefaultQuota LDAPDefaultUID LDAPForceDefaultGID LDAPForceDefaultUID LDAPForceGeneratedHomedir
 LDAPGenerateHomedir LDAPGenerateHomedirPrefix LDAPGenerateHomedirPrefixNoUsername LDAPGroups LDAPLog LDAPOptions
 LDAPProtocolVersion LDAPQueryTimeout LDAPSearchScope LDAPServer LDAPSSLCACertificateFile LDAPSSLCertificateFile
 LDAPSSLCertificateKeyFile LDAPSSLCiphers LDAPSSLVerify LDAPUsers LDAPUseSASL LDAPUseSSL LDAPUseTLS
mod_load: MaxLoad
mod_log: AllowLogSymlinks ExtendedLog LogFormat LogOptions ServerLog SystemLog
mod_log_forensic: ForensicLogBufferSize ForensicLogCapture ForensicLogCriteria ForensicLogEngine ForensicLogFile
mod_ls: DirFakeGroup DirFakeMode DirFakeUser ListOptions ListStyle ShowSymlinks UseGlobbing
mod_memcache: MemcacheConnectFailures MemcacheEngine MemcacheLog MemcacheOptions MemcacheReplicas MemcacheServers
 MemcacheTimeouts
mod_qos: QoSOptions
mod_quotatab: QuotaDefault QuotaDirectoryTally QuotaDisplayUnits QuotaEngine QuotaExcludeFilter QuotaLimitTable
 QuotaLock QuotaLog QuotaOptions QuotaShowQuotas QuotaTallyTable
mod_radius: RadiusAcctServer RadiusAuthServer RadiusEngine RadiusGroupInfo RadiusLog RadiusNASIdentifier
 RadiusOptions RadiusQuotaInfo RadiusRealm RadiusUserInfo RadiusVendor
mod_ratio: AnonRatio ByteRatioErrMsg CwdRatioMsg FileRatioErrMsg GroupRatio HostRatio LeechRatioMsg RatioFile
 RatioTempFile Ratios SaveRatios UserRatio
mod_readme: DisplayReadme
mod_redis: RedisEngine RedisLog RedisLogFormatExtra RedisLogOnCommand RedisLogOnEvent RedisOptions RedisSentinel
 RedisServer RedisTimeouts
mod_rewrite: RewriteCondition RewriteEngine RewriteHome RewriteLock RewriteLog RewriteMap RewriteMaxReplace RewriteRule
mod_rlimit: RLimitChroot RLimitCPU RLimitMemory RLimitOpenFiles
mod_sftp: SFTPAcceptEnv SFTPAuthMethods SFTPAuthorizedHostKeys SFTPAuthorizedUserKeys SFTPCiphers SFTPClientAlive
 SFTPClientMatch SFTPCompression SFTPCryptoDevice SFTPDHParamFile SFTPDigests SFTPDisplayBanner SFTPEngine
 SFTPExtensions SFTPHostKey SFTPKeyBlacklist SFTPKeyExchanges SFTPKeyLimits SFTPLog SFTPMaxChannels SFTPOptions
 SFTPPassPhraseProvider SFTPRekey SFTPTrafficPolicy SFTPPAMEngine SFTPPAMOptions SFTPPAMServiceName
mod_shaper: ShaperAll ShaperControlsACLs ShaperEngine ShaperLog ShaperSession ShaperTable
mod_site_misc: SiteMiscEngine
mod_snmp: SNMPAgent SNMPCommunity SNMPEnable SNMPEngine SNMPLog SNMPMaxVariables SNMPNotify SNMPOptions SNMPTables
mod_sql: SQLAuthenticate SQLAuthTypes SQLBackend SQLConnectInfo SQLDefaultGID SQLDefaultHomedir SQLDefaultUID SQLEngine
 SQLGroupInfo SQLGroupPrimaryKey SQLGroupWhereClause SQLKeepAlive SQLLog SQLLogFile SQLLogOnEvent SQLMinID
 SQLMinUserGID SQLMinUserUID SQLNamedConnectInfo SQLNamedQuery SQLNegativeCache SQLOptions SQLRatios SQLRatioStats
 SQLShowInfo SQLUserInfo SQLUserPrimaryKey SQLUserWhereClause SQLODBCVersion SQLPasswordArgon2 SQLPasswordCost
 SQLPasswordEncoding SQLPasswordEngine SQLPasswordOptions SQLPasswordPBKDF2 SQLPasswordRounds SQLPasswordSaltEncoding
 SQLPasswordSaltFile SQLPasswordScrypt SQLPasswordUserSalt
mod_statcache: StatCacheCapacity StatCacheControlsACLs StatCacheEngine StatCacheMaxAge StatCacheTable
mod_tls: TLSCACertificateFile TLSCACertificatePath TLSCARevocationFile TLSCARevocationPath TLSCertificateChainFile
 TLSCipherSuite TLSControlsACLs TLSCryptoDevice TLSDHParamFile TLSDSACertificateFile TLSDSACertificateKeyFile
 TLSECCertificateFile TLSECCertificateKeyFile TLSECDHCurve TLSEngine TLSLog TLSMasqueradeAddress TLSNextProtocol
 TLSOptions TLSPassPhraseProvider TLSPKCS12File TLSPreSharedKey TLSProtocol TLSRandomSeed TLSRenegotiate TLSRequired
 TLSRSACertificateFile TLSRSACertificateKeyFile TLSServerCipherPreference TLSServerInfoFile TLSSessionCache
 TLSSessionTicketKeys TLSSessionTickets TLSStapling TLSStaplingCache TLSStaplingOptions TLSStaplingResponder
 TLSStaplingTimeout TLSTimeoutHandshake TLSUserName TLSVerifyClient TLSVerifyDepth TLSVerifyOrder TLSVerifyServer
mod_unique_id: UniqueIDEngine
mod_wrap: TCPAccessFiles TCPAccessSyslogLevels TCPGroupAccessFiles TCPServiceName TCPUserAccessFiles
mod_wrap2: WrapAllowMsg WrapDenyMsg WrapEngine WrapGroupTables WrapLog WrapOptions WrapServiceName WrapTables
 WrapUserTables
mod_xfer: AllowOverwrite AllowRetrieveRestart AllowStoreRestart DefaultTransferMode DeleteAbortedStores
 DisplayFileTransfer HiddenStores MaxRetrieveFileSize MaxStoreFileSize MaxTransfersPerHost MaxTransfersPerUser
 StoreUniquePrefix TimeoutNoTransfer TimeoutStalled TransferOptions TransferPriority TransferRate UseSendfile
)";

// Settings of vsftpd 3.0 (vsftpd.conf(5)).
constexpr std::string_view vsftpd_switches = R"(
allow_anon_ssl anon_mkdir_write_enable anon_other_write_enable anon_upload_enable anon_world_readable_only
anonymous_enable ascii_download_enable ascii_upload_enable async_abor_enable background check_shell chmod_enable
chown_uploads chroot_list_enable chroot_local_user connect_from_port_20 debug_ssl delete_failed_uploads
deny_email_enable dirlist_enable dirmessage_enable download_enable dual_log_enable force_dot_files
force_anon_data_ssl force_anon_logins_ssl force_local_data_ssl force_local_logins_ssl guest_enable hide_ids
implicit_ssl listen listen_ipv6 local_enable lock_upload_files log_ftp_protocol ls_recurse_enable mdtm_write
no_anon_password no_log_lock one_process_model passwd_chroot_enable pasv_addr_resolve pasv_enable pasv_promiscuous
port_enable port_promiscuous require_cert require_ssl_reuse run_as_launching_user secure_email_list_enable
session_support setproctitle_enable ssl_enable ssl_request_cert ssl_sslv2 ssl_sslv3 ssl_tlsv1 strict_ssl_read_eof
strict_ssl_write_shutdown syslog_enable tcp_wrappers text_userdb_names tilde_user_enable use_localtime use_sendfile
userlist_deny userlist_enable validate_cert virtual_use_local_privs write_enable xferlog_enable xferlog_std_format
isolate isolate_network
)";
constexpr std::string_view vsftpd_numbers = R"(
accept_timeout anon_max_rate anon_umask chown_upload_mode connect_timeout data_connection_timeout delay_failed_login
delay_successful_login file_open_mode ftp_data_port idle_session_timeout listen_port local_max_rate local_umask
max_clients max_login_fails max_per_ip pasv_max_port pasv_min_port trans_chunk_size
)";
constexpr std::string_view vsftpd_texts = R"(
anon_root banned_email_file banner_file ca_certs_file chown_username chroot_list_file cmds_allowed cmds_denied
deny_file dsa_cert_file dsa_private_key_file email_password_file ftp_username ftpd_banner guest_username hide_file
listen_address listen_address6 local_root message_file nopriv_user pam_service_name pasv_address rsa_cert_file
rsa_private_key_file secure_chroot_dir ssl_ciphers user_config_dir user_sub_token userlist_file vsftpd_log_file
xferlog_file
)";

// Options of Pure-FTPd 1.0 (pure-ftpd(8)): letters, the form of their values, long names.
constexpr std::string_view pure_ftpd_names = R"(
-0 - --notruncate, -1 - --logpid, -2 /c.pem --certfile, -3 /run/c --extcert, -4 - --ipv4only, -6 - --ipv6only,
-a 100 --trustedgid, -A - --chrooteveryone, -b - --brokenclientscompatibility, -B - --daemonize,
-c 10 --maxclientsnumber, -C 2 --maxclientsperip, -d - --verboselog, -D - --displaydotfiles, -e - --anonymousonly,
-E - --noanonymous, -f ftp --syslogfacility, -F /f --fortunesfile, -g /run/p --pidfile, -G - --norename,
-H - --dontresolve, -i - --anonymouscantupload, -I 10 --maxidletime, -j - --createhomedir, -J HIGH --tlsciphersuite,
-k 95 --maxdiskusagepct, -K - --keepallfiles, -l unix --login, -L 2000:5 --limitrecursion, -m 4 --maxload,
-M - --anonymouscancreatedirs, -n 10:10 --quota, -N - --natmode, -o - --uploadscript, -O clf:/l --altlog,
-p 40000:40099 --passiveportrange, -P 192.0.2.1 --forcepassiveip, -q 1:5 --anonymousratio, -Q 1:5 --userratio,
-r - --autorename, -R - --nochmod, -s - --antiwarez, -S ,2121 --bind, -t 10:20 --anonymousbandwidth,
-T 10:20 --userbandwidth, -u 100 --minuid, -U 133:022 --umask, -v name --bonjour, -V 192.0.2.1 --trustedip,
-w - --allowuserfxp, -W - --allowanonymousfxp, -x - --prohibitdotfileswrite, -X - --prohibitdotfilesread,
-y 3:20 --peruserlimits, -Y 1 --tls, -z - --allowdotfiles, -Z - --customerproof
)";

std::vector<std::string> words_in(std::string_view text) {
    std::vector<std::string> out;
    for (const char c : text) {
        if (out.empty() || c == ' ' || c == '\n' || c == ',') out.emplace_back();
        if (c != ' ' && c != '\n' && c != ',') out.back() += c;
    }
    std::erase(out, "");
    return out;
}

/// Where "on" is no value.
std::string arguments_of(std::string_view directive) {
    static const std::map<std::string_view, std::string_view> others = {
        {"Port", "2121"},           {"MaxInstances", "10"},      {"MaxClients", "10"},    {"MaxClientsPerHost", "2"},
        {"MaxClientsPerUser", "2"}, {"MaxConnectionRate", "10"}, {"TimeoutIdle", "60"},   {"MaxConnectionsPerHost", "2"},
        {"TimeoutLogin", "60"},     {"TimeoutStalled", "60"},    {"Umask", "022 022"},    {"PassivePorts", "40000 40099"},
        {"TransferRate", "RETR 5"}, {"DefaultAddress", "::1"},   {"AuthGroupFile", "/g"}, {"AuthUserFile", "/u"}};
    const auto found = others.find(directive);
    return std::string(found == others.end() ? "on" : found->second);
}

const import_sources no_sources{.include = [](const std::string&) { return std::vector<import_file>(); },
                                .read = [](const std::string&) -> result<std::string> { return std::string(); }};

/// Each line of the source has exactly one in the report; what closes a section has none.
void expect_whole(const result<import_result>& done, const std::string& source) {
    ASSERT_TRUE(done) << source << done.error().text();
    std::size_t number = 0;
    for (std::string_view rest = source; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        ++number;
        EXPECT_EQ(std::ranges::count(done->settings, number, &imported_setting::line), line.starts_with("</") ? 0 : 1)
            << source << "line " << number;
    }
}

TEST(import_manuals, every_directive_of_proftpd_is_known_and_accounted_for) {
    std::size_t count = 0;
    for (const auto& name : words_in(proftpd_names)) {
        if (name.ends_with(':')) continue;
        ++count;
        const auto line = fmt::format("{} {}\n", name, arguments_of(name));
        for (const auto& [before, after] : {std::pair("", ""),
                                            {"TLSEngine on\nQuotaEngine on\nBanEngine on\n", ""},
                                            {"<Global>\n", "</Global>\n"},
                                            {"<Anonymous /srv>\nUser ftp\n", "</Anonymous>\n"},
                                            {"<Directory /srv>\n", "</Directory>\n"},
                                            {"<Limit WRITE>\n", "</Limit>\n"},
                                            {"<VirtualHost 192.0.2.1>\n", "</VirtualHost>\n"}}) {
            const auto source = before + line + after;
            const auto done = import_proftpd({.file = {"p.conf", source}}, no_sources);
            expect_whole(done, source);
            if (!done) continue;
            for (const auto& s : done->settings)
                EXPECT_FALSE(s.text.contains("not a known directive")) << source << s.key << ": " << s.text;
        }
    }
    EXPECT_GT(count, 400U);
}

TEST(import_manuals, every_setting_of_vsftpd_is_known_and_accounted_for) {
    for (const auto& [names, values] : {std::pair(vsftpd_switches, std::vector<std::string>{"YES", "NO"}),
                                        {vsftpd_numbers, {"22"}},
                                        {vsftpd_texts, {"x"}}})
        for (const auto& name : words_in(names))
            for (const auto& value : values)
                for (const auto* const before : {"", "ssl_enable=YES\nlocal_enable=YES\nuserlist_enable=YES\n",
                                                 "guest_enable=YES\nanonymous_enable=NO\nwrite_enable=YES\n"}) {
                    const auto source = fmt::format("{}{}={}\n", before, name, value);
                    expect_whole(import_vsftpd({"v.conf", source}, "", no_sources), source);
                }
}

TEST(import_manuals, every_option_of_pure_ftpd_is_known_and_accounted_for) {
    const auto words = words_in(pure_ftpd_names);
    ASSERT_EQ(words.size() % 3, 0U);
    for (std::size_t i = 0; i < words.size(); i += 3) {
        const auto value = words[i + 1] == "-" ? std::string() : words[i + 1];
        for (const auto& option :
             {words[i] + (value.empty() ? "" : " " + value), words[i + 2] + (value.empty() ? "" : "=" + value)}) {
            const auto options = read_pure_ftpd_words("pure-ftpd " + option);
            ASSERT_TRUE(options) << option << ": " << options.error().text();
            const auto done = import_pure_ftpd(*options, "");
            ASSERT_TRUE(done) << option << ": " << done.error().text();
            EXPECT_EQ(std::ranges::count(done->settings, 0U, &imported_setting::line) + 1,
                      static_cast<std::ptrdiff_t>(done->settings.size()))
                << option;
        }
    }
}

}  // namespace
}  // namespace sallyport::imports
