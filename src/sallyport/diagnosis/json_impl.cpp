// Boost.JSON, compiled here once instead of linking its library: everything else only sees declarations.
#include <boost/json/src.hpp>
