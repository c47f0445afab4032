#pragma once
// The options of Pure-FTPd 1.0 (pure-ftpd(8)) by their names in a configuration file, and what becomes of those that need no
// more than a sentence. Constants; any thread.

#include <array>
#include <cstdint>
#include <string_view>

#include <sallyport/imports/import_report.hpp>
#include <sallyport/imports/import_texts.hpp>

namespace sallyport::imports {

enum class pure_value : std::uint8_t {
    // "yes" or "no"; on a command line, no value.
    none,
    text,
};

struct pure_ftpd_setting {
    std::string_view name;
    // On a command line; '\0' and empty: not there.
    char letter = '\0';
    std::string_view long_name{};
    pure_value form = pure_value::text;
    // Empty: pure_ftpd_import.cpp has the rule.
    std::string_view text{};
    import_outcome outcome = import_outcome::dropped;
};

inline constexpr auto pure_ftpd_settings = [] {
    constexpr auto nearest = import_outcome::nearest;
    constexpr auto less_safe = import_outcome::less_safe;
    constexpr auto none = pure_value::none;
    constexpr auto text = pure_value::text;
    using namespace import_texts;
    constexpr std::string_view peers = "data connections are made with the client only";
    constexpr std::string_view names = "names are UTF-8";
    return std::to_array<pure_ftpd_setting>({
        {"AllowAnonymousFXP", 'W', "allowanonymousfxp", none, peers, nearest},
        {"AllowDotFiles", 'z', "allowdotfiles", none},
        {"AllowUserFXP", 'w', "allowuserfxp", none, peers, nearest},
        {"AltLog", 'O', "altlog", text, log},
        {"AnonymousBandwidth", 't', "anonymousbandwidth", text},
        {"AnonymousCanCreateDirs", 'M', "anonymouscancreatedirs", none},
        {"AnonymousCantUpload", 'i', "anonymouscantupload", none},
        {"AnonymousOnly", 'e', "anonymousonly", none},
        {"AnonymousRatio", 'q', "anonymousratio", text, no_ratios, less_safe},
        {"AntiWarez", 's', "antiwarez", none},
        {"AutoRename", 'r', "autorename", none},
        {"Bind", 'S', "bind", text},
        {"Bonjour", 'v', "bonjour", text, "the service is not announced"},
        {"BrokenClientsCompatibility", 'b', "brokenclientscompatibility", none, "the protocol is the same for every client",
         nearest},
        {"CallUploadScript", 'o', "uploadscript", none, "no programs are run"},
        {"CertFile", '2', "certfile", text},
        {"CertFileAndKey", '\0', "", text},
        {"ChrootEveryone", 'A', "chrooteveryone", none, confined, nearest},
        {"ClientCharset", '9', "clientcharset", text, names},
        {"CreateHomeDir", 'j', "createhomedir", none, "a home must exist: create it"},
        {"CustomerProof", 'Z', "customerproof", none, "a server can always use what it has stored", nearest},
        {"Daemonize", 'B', "daemonize", none, "the service manager decides"},
        {"DisplayDotFiles", 'D', "displaydotfiles", none, "LIST -a shows names that begin with a dot", nearest},
        {"DontResolve", 'H', "dontresolve", none, "names of clients are not looked up", nearest},
        {"ExtAuth", '\0', "", text, directory_users},
        {"ExtCert", '3', "extcert", text, "name each certificate with tls-cert; the server name of the client chooses one",
         nearest},
        {"FSCharset", '8', "fscharset", text, names},
        {"FileSystemCharset", '\0', "", text, names},
        {"ForcePassiveIP", 'P', "forcepassiveip", text},
        {"FortunesFile", 'F', "fortunesfile", text,
         "every client sees the same text: write one into a file, and name it with banner-file"},
        {"IPV4Only", '4', "ipv4only", none},
        {"IPV6Only", '6', "ipv6only", none},
        {"Include", '\0', "", text, "its lines follow", import_outcome::taken},
        {"KeepAllFiles", 'K', "keepallfiles", none},
        {"LDAPConfigFile", '\0', "", text, directory_users},
        {"LimitRecursion", 'L', "limitrecursion", text, "listings have their own limits", nearest},
        {"LogPID", '1', "logpid", none, log},
        {"Login", 'l', "login", text},
        {"MaxClientsNumber", 'c', "maxclientsnumber", text},
        {"MaxClientsPerIP", 'C', "maxclientsperip", text},
        {"MaxDiskUsage", 'k', "maxdiskusagepct", text, "uploads do not depend on the space that is free; use quota-bytes",
         less_safe},
        {"MaxIdleTime", 'I', "maxidletime", text},
        {"MaxLoad", 'm', "maxload", text, no_load, less_safe},
        {"MinUID", 'u', "minuid", text, named_users, nearest},
        {"MySQLConfigFile", '\0', "", text, directory_users},
        {"NATmode", 'N', "natmode", none},
        {"NoAnonymous", 'E', "noanonymous", none},
        {"NoChmod", 'R', "nochmod", none},
        {"NoRename", 'G', "norename", none},
        {"NoTruncate", '0', "notruncate", none, "an upload gets its name when it is complete", nearest},
        {"PAMAuthentication", '\0', "", none},
        {"PGSQLConfigFile", '\0', "", text, directory_users},
        {"PIDFile", 'g', "pidfile", text, "the service manager knows the process"},
        {"PassivePortRange", 'p', "passiveportrange", text},
        {"PerUserLimits", 'y', "peruserlimits", text},
        {"ProhibitDotFilesRead", 'X', "prohibitdotfilesread", none},
        {"ProhibitDotFilesWrite", 'x', "prohibitdotfileswrite", none},
        {"PureDB", '\0', "", text},
        {"Quota", 'n', "quota", text},
        {"SyslogFacility", 'f', "syslogfacility", text, log},
        {"TLS", 'Y', "tls", text},
        {"TLSCipherSuite", 'J', "tlsciphersuite", text},
        {"TrustedGID", 'a', "trustedgid", text, confined, nearest},
        {"TrustedIP", 'V', "trustedip", text, "users can log in at every address; use a server of their own", less_safe},
        {"Umask", 'U', "umask", text},
        {"UnixAuthentication", '\0', "", none},
        {"UserBandwidth", 'T', "userbandwidth", text},
        {"UserRatio", 'Q', "userratio", text, no_ratios, less_safe},
        {"VerboseLog", 'd', "verboselog", none, "use --log-level debug"},
    });
}();

}  // namespace sallyport::imports
