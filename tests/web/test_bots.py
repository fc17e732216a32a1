"""Whose user agent is a bot's: TikTok's own in-app browsers never, crawlers and scripts always."""

import pytest

from proxy.web.guards import is_bot

_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_ANDROID = (
    "Mozilla/5.0 (Linux; Android {}; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/{} Mobile Safari/537.36"
)

SHOPPERS = [
    # TikTok's apps: musical_ly is its name in most of the world, trill in Asia.
    f"{_IPHONE} Mobile/21F90 musical_ly_35.1.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/en Region/US "
    "isDarkMode/1 WKWebView/1 RevealType/Dialog BytedanceWebview/d8a21c6 FalconTag/2E9E4C4C",
    f"{_IPHONE} Mobile/15E148 musical_ly_19.1.1 JsSdk/2.0 NetType/4G Channel/App Store ByteLocale/fr Region/FR",
    f"{_IPHONE} Mobile/22B83 BytedanceWebview/d8a21c6",
    f"{_IPHONE} Mobile/20D47 TikTok 33.3.0 rv:333018 (iPad; iPadOS 16.3; en_US) Cronet",
    _ANDROID.format("12; CPH2219 Build/RKQ1.211119.001", "111.0.5563.116")
    + " musical_ly_2022803040 JsSdk/1.0 NetType/MOBILE Channel/googleplay AppName/musical_ly app_version/28.3.4 "
    "ByteLocale/ar ByteFullLocale/ar Region/MA",
    _ANDROID.format("13; SM-A536B Build/TP1A.220624.014", "115.0.5790.166")
    + " trill_300904 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musical_ly app_version/30.9.4 ByteLocale/en "
    "ByteFullLocale/en Region/GB AppId/1233 Spark/1.3.6.1-bugfix AppVersion/30.9.4 BytedanceWebview/d8a21c6",
    _ANDROID.format("11; CUBOT NOTE 7 Build/RP1A.200720.011", "104.0.5112.97")
    + " trill_2022506030 BytedanceWebview/d8a21c6",
    # Other apps' browsers, and browsers.
    f"{_IPHONE} Mobile/15E148 Instagram 339.0.0.12.85 (iPhone14,5; iOS 17_5_1; ar_MA; ar; scale=3.00; 1170x2532)",
    f"{_IPHONE} Mobile/21F90 [FBAN/FBIOS;FBAV/470.0.0.36.109;FBBV/617146398;FBDV/iPhone14,7;FBMD/iPhone]",
    f"{_IPHONE} Mobile/15E148 Snapchat/12.93.0.42 (like Safari/8618.2.12.10.9, panda)",
    f"{_IPHONE} Mobile/15E148 [Pinterest/iOS]",
    f"{_IPHONE} GSA/320.0.644150963 Mobile/15E148 Safari/604.1",
    f"{_IPHONE} Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 "
    "Edg/140.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 "
    "Chrome/121.0.0.0 Mobile Safari/537.36",
]
BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "AdsBot-Google (+http://www.google.com/adsbot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.1; +https://openai.com/gptbot)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    # TikTok's own crawlers are crawlers.
    "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; "
    "Bytespider; spider-feedback@bytedance.com)",
    "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; "
    "TikTokSpider; ttspider-feedback@tiktok.com)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
    *("curl/8.14.1", "Wget/1.25.0", "python-requests/2.32.5", "python-httpx/0.28.1", "aiohttp/3.12 Python/3.11"),
    *("Go-http-client/2.0", "okhttp/4.12.0", "axios/1.11.0", "node-fetch/1.0", "Scrapy/2.13 (+https://scrapy.org)"),
    *("", " ", "\t"),
]


@pytest.mark.parametrize("agent", SHOPPERS)
def test_a_shoppers_browser_is_no_bot(agent: str) -> None:
    assert not is_bot(agent)


@pytest.mark.parametrize("agent", BOTS)
def test_a_bot_is_one(agent: str) -> None:
    assert is_bot(agent)
