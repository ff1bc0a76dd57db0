"""Scrapy's settings: polite by default. What depends on the machine is added by scraper.addon."""

BOT_NAME = "horoscopes"
SPIDER_MODULES = ["scraper.spiders"]
COMMANDS_MODULE = "scraper.commands"
ADDONS = {"scraper.addon.Environment": 0}
EXTENSIONS = {
    "scraper.ledger.Ledger": 0,
    "spidermon.contrib.scrapy.extensions.Spidermon": 500,
    # New in Scrapy 2.19 and on by default: a door on loopback that runs commands, and a second of imports.
    "scrapy.extensions.remote_control.RemoteControl": None,
}
SPIDERMON_ENABLED = True
SPIDERMON_SPIDER_CLOSE_MONITORS = ("scraper.crawl_monitors.CrawlMonitors",)
TELNETCONSOLE_ENABLED = False

# Manners: one request a second a host, one at a time, without jitter (it slows a crawl by a third and hides
# nothing).
ROBOTSTXT_OBEY = False  # scraper.manners obeys: Scrapy's own takes an unreachable robots.txt for a yes
DOWNLOADER_MIDDLEWARES = {
    "scraper.manners.Manners": 560,  # after retries were set up, before redirects are followed
    # Each of these takes time of every page and does nothing for us: no passwords, no links to follow.
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
}
METAREFRESH_ENABLED = (
    False  # it decodes every page to look for one; a page that has nothing else fails by name
)
DOWNLOADER_STATS = False  # what came is in the manifests
RETRY_HTTP_CODES = [500, 502, 503, 504, 522, 524, 408]  # not 429: who says "too many" is not asked again
SPIDER_MIDDLEWARES = {
    "scraper.kept_pages.KeepPages": 10,
    "scrapy.spidermiddlewares.start.StartSpiderMiddleware": None,
    "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
    "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware": None,
}
DOWNLOAD_DELAY = 1.0
DOWNLOAD_DELAY_JITTER = 0
CONCURRENT_REQUESTS_PER_DOMAIN = 1
COOKIES_ENABLED = False
DEFAULT_REQUEST_HEADERS = {"Accept": "*/*", "Accept-Language": "ru", "Cache-Control": "max-age=0"}
HTTPCACHE_ENABLED = True  # for conditional requests: an unchanged page answers 304 and is not sent again
HTTPCACHE_POLICY = "scrapy.extensions.httpcache.RFC2616Policy"
HTTPCACHE_GZIP = True
CONCURRENT_ITEMS = 1  # pipelines never wait; Scrapy starts this many tasks for every page, 100 by default

# Bounds on what a server may do to us.
TWISTED_DNS_RESOLVER = "scraper.public_resolver.PublicResolver"
DOWNLOAD_TIMEOUT = 30
DOWNLOAD_MAXSIZE = 8 * 1024 * 1024
DOWNLOAD_WARNSIZE = 4 * 1024 * 1024
REDIRECT_MAX_TIMES = 5
RETRY_TIMES = 2

ITEM_PIPELINES = {
    "scraper.pipelines.required.RequiredFields": 100,
    "scraper.pipelines.identity.Identity": 200,
    "scraper.pipelines.duplicates.DuplicatesInRun": 300,
    "scraper.pipelines.parts.Parts": 400,
}
LOG_LEVEL = "INFO"
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
