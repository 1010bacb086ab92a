/* Tests speak English, with numbers and dates as in the United States. */
import { i18n } from './i18n'

i18n.loadAndActivate({ locale: 'en', messages: {} })
