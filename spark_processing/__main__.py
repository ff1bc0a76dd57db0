"""The file spark-submit is given: `spark-submit --py-files dist/spark_processing.zip
spark_processing/__main__.py …`."""

import sys

from spark_processing.clean_job import main

sys.exit(main())
